"""The normal distribution without its tails."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness import Layer, check_range
from harness_initializers import variance


@dataclass(frozen=True)
class TruncatedNormal:
    """Normal with a fixed standard deviation and without outliers, which are drawn again.

    Attributes:
        mean: Mean of a weight, any finite number.
        std: Standard deviation before the tails are cut, in [0, inf); the draws have 0.88 of it
            with cut = 2.
        cut: Largest distance from the mean in units of `std`, in [1, inf).

    The distribution of `torch.nn.init.trunc_normal_` with a = mean − cut · std and b = mean + cut ·
    std, and of Keras' TruncatedNormal, which redraws beyond 2.
    """

    mean: float = 0.0
    std: float = 0.05
    cut: float = 2.0

    def __post_init__(self) -> None:
        check_range(self, "mean")
        check_range(self, "std", 0)
        check_range(self, "cut", 1)

    def sample(self, shape: tuple[int, ...], layer: Layer, rng: np.random.Generator) -> np.ndarray:
        """See `harness.Initializer.sample`."""
        return self.mean + self.std * variance.within(shape, self.cut, rng)

    def moments(self, layer: Layer) -> tuple[float, float]:
        """Mean and standard deviation; see `harness.Initializer`."""
        return self.mean, self.std * variance.deviation_within(self.cut)
