"""One Gaussian cloud for each class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness import Data, Task, check_range


@dataclass(frozen=True)
class Gaussians:
    """Clouds with the same round covariance: a linear model is the best there is.

    Attributes:
        samples: Number of samples, spread evenly over the classes; at least one of each.
        classes: Number of clouds, 2 or more.
        features: Dimensions of the space, 1 or more.
        noise: Standard deviation of each cloud in every feature, in [0, inf).
        separation: Standard deviation of the centres, which are Gaussian too, in [0, inf).
        seed: Seed of centres and clouds, 0 or more.
    """

    samples: int = 1000
    classes: int = 3
    features: int = 2
    noise: float = 1.0
    separation: float = 3.0
    seed: int = 0

    def __post_init__(self) -> None:
        check_range(self, "classes", 2)
        check_range(self, "samples", self.classes)
        check_range(self, "features", 1)
        check_range(self, "noise", 0)
        check_range(self, "separation", 0)
        check_range(self, "seed", 0)

    @property
    def task(self) -> Task:
        """Binary with two clouds, multiclass with more."""
        return Task.BINARY if self.classes == 2 else Task.MULTICLASS

    def load(self) -> Data:
        """Features (samples, features); targets are the numbers of the clouds."""
        rng = np.random.Generator(np.random.PCG64(self.seed))
        centers = self.separation * rng.standard_normal((self.classes, self.features))
        cloud = np.sort(np.arange(self.samples) % self.classes)
        return Data(
            centers[cloud] + self.noise * rng.standard_normal((self.samples, self.features)),
            cloud,
            source=str(self),
        )
