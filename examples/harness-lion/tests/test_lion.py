"""Lion against Algorithm 2 of the paper, written out for one number at a time."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from harness import ConfigurationError
from harness_lion import Lion


def slope(x):
    """Of x⁴/4 − x², which has two valleys."""
    return x**3 - 2 * x


def by_the_paper(x, rule, steps):
    """Algorithm 2 of Chen et al. 2023 for a scalar, with Python's floats."""
    m, path = 0.0, []
    for _ in range(steps):
        g = slope(x)
        c = rule.beta1 * m + (1 - rule.beta1) * g
        x = x - rule.lr * (math.copysign(1.0, c) if c else 0.0) - rule.lr * rule.weight_decay * x
        m = rule.beta2 * m + (1 - rule.beta2) * g
        path.append(x)
    return path


@pytest.mark.parametrize("decay", [0.0, 0.7])
@pytest.mark.parametrize("start", [0.3, -2.0])
def test_the_trajectory_is_that_of_the_algorithm(start, decay):
    rule = Lion(lr=0.01, beta1=0.8, beta2=0.95, weight_decay=decay)
    theta = np.array([[start]])
    state, path = rule.init(theta), []
    for t in range(1, 201):
        theta, state = rule.step(theta, slope(theta), state, lr=rule.lr, t=t)
        path.append(theta.item())
    assert path == pytest.approx(by_the_paper(start, rule, 200), rel=1e-12)


def test_without_decay_every_parameter_moves_by_the_rate():
    rule, theta = Lion(lr=0.01, weight_decay=0.0), np.array([[1e-8, -1.0, 300.0]])
    new, _ = rule.step(theta, theta, rule.init(theta), lr=0.01, t=1)
    np.testing.assert_allclose(theta - new, [[0.01, -0.01, 0.01]], rtol=1e-9)


def test_a_gradient_of_zeros_leaves_all_as_it_is():
    rule, theta = Lion(weight_decay=0.0), np.ones((2, 3))
    new, state = rule.step(theta, np.zeros_like(theta), rule.init(theta), lr=0.1, t=1)
    np.testing.assert_array_equal(new, theta)
    np.testing.assert_array_equal(state["m"], 0)


def test_runs_may_differ_in_every_hyperparameter():
    rules = [Lion(0.01, 0.8, 0.9, 0.1), Lion(0.003, 0.5, 0.99, 0.0)]
    stacked = Lion()
    for name in ("lr", "beta1", "beta2", "weight_decay"):
        column = np.array([[getattr(rule, name)] for rule in rules])
        object.__setattr__(stacked, name, column)  # as the core makes it for runs that differ
    theta = np.array([[0.3, -2.0], [1.5, 0.1]])
    together, state = theta, stacked.init(theta)
    for t in range(1, 21):
        together, state = stacked.step(together, slope(together), state, lr=stacked.lr, t=t)
    for row, rule in enumerate(rules):
        assert together[row].tolist() == pytest.approx(
            [by_the_paper(x, rule, 20)[-1] for x in theta[row]], rel=1e-12
        )


def test_every_corner_of_the_search_space_is_allowed():
    ranges = Lion.search_space
    for corner in itertools.product(*[(r.low, r.high) for r in ranges.values()]):
        Lion(**dict(zip(ranges, corner, strict=True)))


@pytest.mark.parametrize(
    ("field", "value"),
    [("lr", -1e-4), ("beta1", 1.0), ("beta2", -0.1), ("weight_decay", float("nan"))],
)
def test_values_out_of_range_are_refused(field, value):
    with pytest.raises(ConfigurationError, match=f"'{field}' of Lion"):
        Lion(**{field: value})
