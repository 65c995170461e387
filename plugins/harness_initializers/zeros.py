"""Zeros."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness import Layer


@dataclass(frozen=True)
class Zeros:
    """All zeros: for biases; a hidden layer of zero weights does not learn."""

    def sample(self, shape: tuple[int, ...], layer: Layer, rng: np.random.Generator) -> np.ndarray:
        """See `harness.Initializer.sample`; draws nothing."""
        return np.zeros(shape)

    def moments(self, layer: Layer) -> tuple[float, float]:
        """Mean and standard deviation; see `harness.Initializer`."""
        return 0.0, 0.0
