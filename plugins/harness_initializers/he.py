"""He's initialization: variance 2 / fan_in, a little less for leaky ReLU."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from harness import Layer
from harness_initializers import variance


def variance_of(layer: Layer) -> float:
    """2 / fan_in; 2 / ((1 + ε²) fan_in) for leaky ReLU, which passes ε times the negative half."""
    slope = layer.slope if layer.activation == "leaky_relu" else 0.0
    return 2 / ((1 + slope**2) * layer.fan_in)


@dataclass(frozen=True)
class HeNormal:
    """He normal: variance 2 / fan_in, made for ReLU, which halves the signal.

    For leaky ReLU with slope ε it is 2 / ((1 + ε²) fan_in); for every other activation, and for the
    output layer, as for ReLU (`variance_scaling` has a gain for each). Source: He, Zhang, Ren &
    Sun, Delving deep into rectifiers, 2015, section 2.2. Not truncated, unlike Keras' HeNormal.
    """

    def sample(self, shape: tuple[int, ...], layer: Layer, rng: np.random.Generator) -> np.ndarray:
        """See `harness.Initializer.sample`."""
        return variance.normal(shape, variance_of(layer), rng)

    def moments(self, layer: Layer) -> tuple[float, float]:
        """Mean and standard deviation; see `harness.Initializer`."""
        return 0.0, sqrt(variance_of(layer))


@dataclass(frozen=True)
class HeUniform:
    """He uniform: variance 2 / fan_in, made for ReLU, which halves the signal.

    The interval is ±√(6 / fan_in), ±√(6 / ((1 + ε²) fan_in)) for leaky ReLU with slope ε. Source of
    the variance: He, Zhang, Ren & Sun, Delving deep into rectifiers, 2015, section 2.2.
    """

    def sample(self, shape: tuple[int, ...], layer: Layer, rng: np.random.Generator) -> np.ndarray:
        """See `harness.Initializer.sample`."""
        return variance.uniform(shape, variance_of(layer), rng)

    def moments(self, layer: Layer) -> tuple[float, float]:
        """Mean and standard deviation; see `harness.Initializer`."""
        return 0.0, sqrt(variance_of(layer))
