"""Draws of mean 0 and a given variance, for initializers that scale with the fans."""

from __future__ import annotations

from math import erf, exp, pi, sqrt

import numpy as np


def normal(shape: tuple[int, ...], variance: float, rng: np.random.Generator) -> np.ndarray:
    """N(0, variance), not truncated."""
    return rng.normal(0.0, np.sqrt(variance), shape)


def uniform(shape: tuple[int, ...], variance: float, rng: np.random.Generator) -> np.ndarray:
    """U[−a, a) with a = √(3 variance), since the variance of U[−a, a) is a²/3."""
    bound = np.sqrt(3 * variance)
    return rng.uniform(-bound, bound, shape)


def truncated_normal(
    shape: tuple[int, ...], variance: float, rng: np.random.Generator
) -> np.ndarray:
    """A normal cut at two standard deviations, scaled up so that its variance is as given."""
    return sqrt(variance) / deviation_within(2.0) * within(shape, 2.0, rng)


def within(shape: tuple[int, ...], cut: float, rng: np.random.Generator) -> np.ndarray:
    """N(0, 1) under the condition |z| ≤ cut: values outside are drawn again."""
    values = rng.standard_normal(shape)
    while (outside := np.abs(values) > cut).any():
        values[outside] = rng.standard_normal(np.count_nonzero(outside))
    return values


def deviation_within(cut: float) -> float:
    """The standard deviation of `within`, √(1 − 2cφ(c) / (2Φ(c) − 1)).

    >>> round(deviation_within(2.0), 6)
    0.879626
    """
    return sqrt(1 - 2 * cut * exp(-(cut**2) / 2) / sqrt(2 * pi) / erf(cut / sqrt(2)))
