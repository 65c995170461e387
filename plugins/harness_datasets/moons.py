"""Two interleaving half circles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from harness import Data, Task, check_range


@dataclass(frozen=True)
class Moons:
    """Two half circles of radius 1, one below and inside the other; as scikit-learn's `make_moons`.

    Attributes:
        samples: Number of samples, half of each class, 2 or more.
        noise: Standard deviation of the noise on both coordinates, in [0, inf).
        seed: Seed of the noise, 0 or more.
    """

    samples: int = 1000
    noise: float = 0.1
    seed: int = 0

    task: ClassVar[Task] = Task.BINARY

    def __post_init__(self) -> None:
        check_range(self, "samples", 2)
        check_range(self, "noise", 0)
        check_range(self, "seed", 0)

    def load(self) -> Data:
        """Features (samples, 2); targets: 0 the upper moon, 1 the lower one."""
        upper = np.linspace(0, np.pi, self.samples // 2)
        lower = np.linspace(0, np.pi, self.samples - self.samples // 2)
        points = np.vstack(
            [
                np.column_stack([np.cos(upper), np.sin(upper)]),
                np.column_stack([1 - np.cos(lower), 1 - np.sin(lower) - 0.5]),
            ]
        )
        rng = np.random.Generator(np.random.PCG64(self.seed))
        return Data(
            points + self.noise * rng.standard_normal(points.shape),
            np.repeat([0, 1], [len(upper), len(lower)]),
            source=str(self),
            classes=("upper", "lower"),
            feature_names=("x", "y"),
        )
