"""LeCun's initialization: variance 1 / fan_in."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from harness import Layer
from harness_initializers import variance


@dataclass(frozen=True)
class LecunNormal:
    """LeCun normal: variance 1 / fan_in, so that sums have the variance of the inputs.

    Source: LeCun, Bottou, Orr & Müller, Efficient backprop, 1998, section 4.6. Not truncated,
    unlike Keras' LecunNormal.
    """

    def sample(self, shape: tuple[int, ...], layer: Layer, rng: np.random.Generator) -> np.ndarray:
        """See `harness.Initializer.sample`."""
        return variance.normal(shape, 1 / layer.fan_in, rng)

    def moments(self, layer: Layer) -> tuple[float, float]:
        """Mean and standard deviation; see `harness.Initializer`."""
        return 0.0, sqrt(1 / layer.fan_in)


@dataclass(frozen=True)
class LecunUniform:
    """LeCun uniform: variance 1 / fan_in, so that sums have the variance of the inputs.

    The interval is ±√(3 / fan_in). Source of the variance: LeCun, Bottou, Orr & Müller, Efficient
    backprop, 1998, section 4.6.
    """

    def sample(self, shape: tuple[int, ...], layer: Layer, rng: np.random.Generator) -> np.ndarray:
        """See `harness.Initializer.sample`."""
        return variance.uniform(shape, 1 / layer.fan_in, rng)

    def moments(self, layer: Layer) -> tuple[float, float]:
        """Mean and standard deviation; see `harness.Initializer`."""
        return 0.0, sqrt(1 / layer.fan_in)
