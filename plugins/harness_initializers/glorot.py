"""Glorot's initialization: variance 2 / (fan_in + fan_out)."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from harness import Layer
from harness_initializers import variance


@dataclass(frozen=True)
class GlorotNormal:
    """Glorot normal: variance 2 / (fan_in + fan_out), a compromise of the two passes.

    Keeps the variance of activations and of gradients about the same from layer to layer, for units
    that are linear around 0 such as tanh. Source: Glorot & Bengio, Understanding the difficulty of
    training deep feedforward neural networks, 2010, eq. 12. Not truncated, unlike Keras'
    GlorotNormal.
    """

    def sample(self, shape: tuple[int, ...], layer: Layer, rng: np.random.Generator) -> np.ndarray:
        """See `harness.Initializer.sample`."""
        return variance.normal(shape, 2 / (layer.fan_in + layer.fan_out), rng)

    def moments(self, layer: Layer) -> tuple[float, float]:
        """Mean and standard deviation; see `harness.Initializer`."""
        return 0.0, sqrt(2 / (layer.fan_in + layer.fan_out))


@dataclass(frozen=True)
class GlorotUniform:
    """Glorot uniform: variance 2 / (fan_in + fan_out), a compromise of the two passes.

    The interval is ±√6 / √(fan_in + fan_out). Source: Glorot & Bengio, Understanding the difficulty
    of training deep feedforward neural networks, 2010, eq. 16.
    """

    def sample(self, shape: tuple[int, ...], layer: Layer, rng: np.random.Generator) -> np.ndarray:
        """See `harness.Initializer.sample`."""
        return variance.uniform(shape, 2 / (layer.fan_in + layer.fan_out), rng)

    def moments(self, layer: Layer) -> tuple[float, float]:
        """Mean and standard deviation; see `harness.Initializer`."""
        return 0.0, sqrt(2 / (layer.fan_in + layer.fan_out))
