"""Draws of mean 0 and a given variance: what Glorot's, He's and LeCun's initializers share."""

from __future__ import annotations

import numpy as np


def normal(shape: tuple[int, ...], variance: float, rng: np.random.Generator) -> np.ndarray:
    """N(0, variance), not truncated."""
    return rng.normal(0.0, np.sqrt(variance), shape)


def uniform(shape: tuple[int, ...], variance: float, rng: np.random.Generator) -> np.ndarray:
    """U[−a, a) with a = √(3 variance), since the variance of U[−a, a) is a²/3."""
    bound = np.sqrt(3 * variance)
    return rng.uniform(-bound, bound, shape)
