"""The curve against its formula, its noise against its moments, and the lesson of each shape."""

from __future__ import annotations

import numpy as np
import pytest

from harness import ConfigurationError, Task
from harness_curves import Curve

FORMULAS = {
    "line": lambda x: x,
    "corner": lambda x: max(x, -x),
    "parabola": lambda x: 2 * x * x - 1,
    "sine": lambda x: np.sin(2 * np.pi * x),
    "step": lambda x: float(x > 0) - float(x < 0),
}


@pytest.mark.parametrize("shape", FORMULAS)
def test_without_noise_it_is_the_formula(shape):
    data = Curve(shape, samples=41, noise=0.0).load()
    assert data.features.shape == (41, 1)
    assert (data.features[0, 0], data.features[-1, 0]) == (-1.0, 1.0)
    np.testing.assert_allclose(np.diff(data.features[:, 0]), 0.05, rtol=1e-12)
    expected = [FORMULAS[shape](x) for x in data.features[:, 0]]
    np.testing.assert_allclose(data.targets, expected, atol=1e-15)


def test_the_same_data_at_every_call_and_others_for_another_seed():
    first, again, other = (Curve(seed=seed).load() for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.targets, again.targets)
    assert not np.array_equal(first.targets, other.targets)


def test_noise_has_the_standard_deviation_asked_for():
    clean, noisy = (Curve(samples=20_000, noise=noise).load() for noise in (0.0, 0.3))
    added = noisy.targets - clean.targets
    assert added.std() == pytest.approx(0.3, rel=0.03)
    assert added.mean() == pytest.approx(0, abs=0.01)


def test_the_global_generator_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002  must stay
    Curve().load()
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize("shape", FORMULAS)
def test_a_straight_line_fits_the_line_alone(shape):
    data = Curve(shape, noise=0.0).load()
    line = np.polyval(np.polyfit(data.features[:, 0], data.targets, 1), data.features[:, 0])
    share = 1 - np.var(data.targets - line) / np.var(data.targets)  # R²
    assert (share > 0.9999) == (shape == "line")


def test_it_is_known_as_a_regression_before_anything_is_loaded():
    assert Curve.task is Task.REGRESSION


@pytest.mark.parametrize(
    ("field", "value"), [("shape", "circle"), ("samples", 1), ("noise", -0.1), ("seed", -1)]
)
def test_values_out_of_range_are_refused(field, value):
    with pytest.raises(ConfigurationError, match=f"'{field}' of Curve"):
        Curve(**{field: value})
