"""The normal distribution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness import Layer, check_range


@dataclass(frozen=True)
class Normal:
    """Normal with the same standard deviation for layers of any size: N(mean, std²).

    Attributes:
        mean: Mean of a weight, any finite number.
        std: Standard deviation of a weight, in [0, inf).
    """

    mean: float = 0.0
    std: float = 0.05

    def __post_init__(self) -> None:
        check_range(self, "mean")
        check_range(self, "std", 0)

    def sample(self, shape: tuple[int, ...], layer: Layer, rng: np.random.Generator) -> np.ndarray:
        """See `harness.Initializer.sample`."""
        return rng.normal(self.mean, self.std, shape)

    def moments(self, layer: Layer) -> tuple[float, float]:
        """Mean and standard deviation; see `harness.Initializer`."""
        return self.mean, self.std
