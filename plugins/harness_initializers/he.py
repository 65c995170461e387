"""He's initialization: variance 2 / fan_in."""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True)
class HeUniform:
    """He uniform: variance 2 / fan_in, made for ReLU, which halves the signal.

    The interval is ±√(6 / fan_in). Source of the variance: He, Zhang, Ren & Sun, Delving deep into
    rectifiers, 2015, eq. 10.
    """

    def sample(self, shape: tuple[int, ...], layer: Layer, rng: np.random.Generator) -> np.ndarray:
        """See `harness.Initializer.sample`."""
        return variance.uniform(shape, 2 / layer.fan_in, rng)
