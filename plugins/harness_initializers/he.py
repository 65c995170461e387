"""He's initialization: variance 2 / fan_in."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from harness import Layer
from harness_initializers import variance


@dataclass(frozen=True)
class HeNormal:
    """He normal: variance 2 / fan_in, made for ReLU, which halves the signal.

    Source: He, Zhang, Ren & Sun, Delving deep into rectifiers, 2015, eq. 10. Not truncated, unlike
    Keras' HeNormal.
    """

    def sample(self, shape: tuple[int, ...], layer: Layer, rng: np.random.Generator) -> np.ndarray:
        """See `harness.Initializer.sample`."""
        return variance.normal(shape, 2 / layer.fan_in, rng)

    def moments(self, layer: Layer) -> tuple[float, float]:
        """Mean and standard deviation; see `harness.Initializer`."""
        return 0.0, sqrt(2 / layer.fan_in)


@dataclass(frozen=True)
class HeUniform:
    """He uniform: variance 2 / fan_in, made for ReLU, which halves the signal.

    The interval is ±√(6 / fan_in). Source of the variance: He, Zhang, Ren & Sun, Delving deep into
    rectifiers, 2015, eq. 10.
    """

    def sample(self, shape: tuple[int, ...], layer: Layer, rng: np.random.Generator) -> np.ndarray:
        """See `harness.Initializer.sample`."""
        return variance.uniform(shape, 2 / layer.fan_in, rng)

    def moments(self, layer: Layer) -> tuple[float, float]:
        """Mean and standard deviation; see `harness.Initializer`."""
        return 0.0, sqrt(2 / layer.fan_in)
