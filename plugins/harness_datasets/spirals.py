"""Spirals that wind around each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness import Data, Task, check_range


@dataclass(frozen=True)
class Spirals:
    """Arms of an Archimedean spiral, r = φ / (2π turns), one a class, rotated against each other.

    A generalisation of the two-spirals problem (Lang & Witbrock 1988).

    Attributes:
        samples: Number of samples, spread evenly over the classes and, within a class, over the
            radius up to 1; at least one of each class.
        classes: Number of arms, 2 or more.
        turns: Turns of each arm around the origin, in (0, inf).
        noise: Standard deviation of the noise on both coordinates, in [0, inf).
        seed: Seed of the noise, 0 or more.
    """

    samples: int = 1000
    classes: int = 2
    turns: float = 1.5
    noise: float = 0.02
    seed: int = 0

    def __post_init__(self) -> None:
        check_range(self, "classes", 2)
        check_range(self, "samples", self.classes)
        check_range(self, "turns", 0, closed="neither")
        check_range(self, "noise", 0)
        check_range(self, "seed", 0)

    @property
    def task(self) -> Task:
        """Binary with two arms, multiclass with more."""
        return Task.BINARY if self.classes == 2 else Task.MULTICLASS

    def load(self) -> Data:
        """Features (samples, 2); targets are the numbers of the arms."""
        arm = np.sort(np.arange(self.samples) % self.classes)
        sizes = np.bincount(arm)
        radius = np.concatenate([np.arange(1, size + 1) / size for size in sizes])
        angle = 2 * np.pi * (self.turns * radius + arm / self.classes)
        points = radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
        rng = np.random.Generator(np.random.PCG64(self.seed))
        return Data(
            points + self.noise * rng.standard_normal(points.shape),
            arm,
            source=str(self),
            classes=tuple(f"arm {number}" for number in range(self.classes)),
            feature_names=("x", "y"),
        )
