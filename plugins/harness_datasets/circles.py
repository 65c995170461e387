"""A circle in a circle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from harness import Data, Task, check_range


@dataclass(frozen=True)
class Circles:
    """A circle of radius 1 and a smaller one inside; as scikit-learn's `make_circles`.

    Attributes:
        samples: Number of samples, half of each class, 2 or more.
        noise: Standard deviation of the noise on both coordinates, in [0, inf).
        factor: Radius of the inner circle, in [0, 1).
        seed: Seed of the noise, 0 or more.
    """

    samples: int = 1000
    noise: float = 0.1
    factor: float = 0.5
    seed: int = 0

    task: ClassVar[Task] = Task.BINARY

    def __post_init__(self) -> None:
        check_range(self, "samples", 2)
        check_range(self, "noise", 0)
        check_range(self, "factor", 0, 1, closed="left")
        check_range(self, "seed", 0)

    def load(self) -> Data:
        """Features (samples, 2); targets: 0 the outer circle, 1 the inner one."""
        sizes = [self.samples // 2, self.samples - self.samples // 2]
        angle = np.concatenate([np.linspace(0, 2 * np.pi, n, endpoint=False) for n in sizes])
        radius = np.repeat([1.0, self.factor], sizes)
        points = np.column_stack([np.cos(angle) * radius, np.sin(angle) * radius])
        rng = np.random.Generator(np.random.PCG64(self.seed))
        return Data(
            points + self.noise * rng.standard_normal(points.shape),
            np.repeat([0, 1], sizes),
            source=str(self),
            classes=("outer", "inner"),
            feature_names=("x", "y"),
        )
