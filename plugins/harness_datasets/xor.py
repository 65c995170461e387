"""Exclusive or: the smallest problem that no linear model solves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from harness import Data, Task, check_range


@dataclass(frozen=True)
class Xor:
    """Points around the four corners (±1, ±1); class 1 where the signs of the corner differ.

    Minsky & Papert 1969 show that a single neuron cannot tell the classes apart.

    Attributes:
        samples: Number of samples, a quarter at each corner, 4 or more.
        noise: Standard deviation around a corner, in [0, inf); 0 leaves the four points.
        seed: Seed of the noise, 0 or more.
    """

    samples: int = 1000
    noise: float = 0.3
    seed: int = 0

    task: ClassVar[Task] = Task.BINARY

    def __post_init__(self) -> None:
        check_range(self, "samples", 4)
        check_range(self, "noise", 0)
        check_range(self, "seed", 0)

    def load(self) -> Data:
        """Features (samples, 2); targets: 0 for like signs, 1 for different ones."""
        corners = np.array([[-1.0, -1.0], [1.0, 1.0], [-1.0, 1.0], [1.0, -1.0]])
        corner = np.arange(self.samples) * 4 // self.samples
        rng = np.random.Generator(np.random.PCG64(self.seed))
        return Data(
            corners[corner] + self.noise * rng.standard_normal((self.samples, 2)),
            corner // 2,
            source=str(self),
            classes=("same", "different"),
            feature_names=("x", "y"),
        )
