"""The uniform distribution."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from harness import Layer, check_range


@dataclass(frozen=True)
class Uniform:
    """Uniform in the same interval for layers of any size: U[low, high).

    Attributes:
        low: Lower end of the interval, any finite number.
        high: Upper end of the interval, in [low, inf).
    """

    low: float = -0.05
    high: float = 0.05

    def __post_init__(self) -> None:
        check_range(self, "low")
        check_range(self, "high", self.low)

    def sample(self, shape: tuple[int, ...], layer: Layer, rng: np.random.Generator) -> np.ndarray:
        """See `harness.Initializer.sample`."""
        return rng.uniform(self.low, self.high, shape)

    def moments(self, layer: Layer) -> tuple[float, float]:
        """Mean and standard deviation; see `harness.Initializer`."""
        return (self.low + self.high) / 2, (self.high - self.low) / sqrt(12)
