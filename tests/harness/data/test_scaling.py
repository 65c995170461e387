from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from harness.data.scaling import Affine, Scaling, fit

tables = npst.arrays(
    np.float64,
    st.tuples(st.integers(1, 30), st.integers(1, 4)),
    elements=st.floats(-1e6, 1e6, allow_subnormal=False).map(lambda x: round(x, 3)),
)


@settings(deadline=None, max_examples=100)
@given(tables)
def test_standard_is_scikit_learns(values):
    ours = fit(values, "standard").apply(values)
    np.testing.assert_allclose(ours, StandardScaler().fit_transform(values), atol=1e-6)


@settings(deadline=None, max_examples=100)
@given(tables)
def test_minmax_is_scikit_learns(values):
    ours = fit(values, "minmax").apply(values)
    np.testing.assert_allclose(ours, MinMaxScaler().fit_transform(values), atol=1e-6)


def test_statistics_do_not_depend_on_the_size_of_blocks():
    values = 1e4 + np.random.default_rng(0).standard_normal((10_000, 3))
    scaling = fit(values, "standard")
    np.testing.assert_allclose(scaling.scale, values.std(axis=0), rtol=1e-12)
    np.testing.assert_allclose(scaling.shift, values.mean(axis=0), rtol=1e-12)


@pytest.mark.parametrize("scale", ["standard", "minmax"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", [0.0, 0.1, -1e30, 1e-40])
def test_constant_columns_become_zero(scale, dtype, value):
    values = np.full((7, 2), value, dtype)
    scaled = fit(values, scale).apply(values)
    np.testing.assert_array_equal(scaled, np.zeros((7, 2)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_deviation_that_underflows_is_not_divided_by(dtype):
    smallest = np.nextafter(dtype(0), dtype(1))
    values = np.array([[0], [smallest]], dtype)
    np.testing.assert_array_equal(fit(values, "standard").apply(values), values)


@pytest.mark.parametrize("scale", ["standard", "minmax"])
@settings(deadline=None, max_examples=100)
@given(
    npst.arrays(
        st.sampled_from([np.float32, np.float64]),
        st.tuples(st.integers(1, 6), st.just(2)),
        elements=st.floats(-(2.0**100), 2.0**100, width=32),
    )
)
def test_scaled_values_are_finite_however_small_they_are(scale, values):
    # Differences down to the smallest subnormal must not be divided by a deviation of zero.
    assert np.isfinite(fit(values, scale).apply(values)).all()


def test_float32_stays_float32_with_statistics_of_float64():
    values = (1000 + np.random.default_rng(0).standard_normal((5000, 2))).astype(np.float32)
    scaling = fit(values, "standard")
    np.testing.assert_allclose(scaling.scale, values.astype(np.float64).std(axis=0), rtol=1e-12)
    assert scaling.apply(values).dtype == np.float32


def test_scaling_in_place_is_the_same():
    values = np.random.default_rng(0).standard_normal((5, 2))
    scaling = fit(values, "standard")
    expected = scaling.apply(values)
    scaling.apply(values, out=values)
    np.testing.assert_array_equal(values, expected)


def test_inverse_undoes_apply():
    values = np.random.default_rng(0).standard_normal((5, 2))
    scaling = Affine(np.array([3.0, -1.0]), np.array([0.5, 20.0]))
    np.testing.assert_allclose(scaling.inverse(scaling.apply(values)), values, rtol=1e-12)


def test_json_keeps_every_bit():
    values = np.random.default_rng(0).standard_normal((20, 3)) / 3
    scaling = Scaling(fit(values, "standard"), fit(values, "minmax"))
    again = Scaling.from_dict(json.loads(json.dumps(scaling.to_dict())))
    np.testing.assert_array_equal(again.features.apply(values), scaling.features.apply(values))
    np.testing.assert_array_equal(again.targets.inverse(values), scaling.targets.inverse(values))
