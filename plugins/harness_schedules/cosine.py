"""Cosine annealing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness import Horizon, check_range


@dataclass(frozen=True)
class Cosine:
    """The learning rate falls along half a cosine over the whole run.

        f + ½(1 − f)(1 + cos(π step / steps))

    The last step of the run still has a little more than f.

    Attributes:
        final: Factor f that is reached when the horizon is over, in [0, 1]; it stays from there on.

    >>> Cosine(final=0.5).factor(np.arange(5.0), Horizon(steps_per_epoch=2, epochs=2)).round(3)
    array([1.   , 0.927, 0.75 , 0.573, 0.5  ])

    Source: Loshchilov & Hutter, SGDR: stochastic gradient descent with warm restarts, 2017, eq. 5,
    without restarts. Up to the horizon the same factors as
    `torch.optim.lr_scheduler.CosineAnnealingLR` stepped at each step, which climbs again behind it.
    """

    final: float = 0.0

    def __post_init__(self) -> None:
        check_range(self, "final", 0, 1)

    def factor(self, step: np.ndarray, horizon: Horizon) -> np.ndarray:
        """Continuous in the step; see `harness.Schedule.factor`."""
        steps = max(horizon.steps, 1)  # the warm-up may leave none
        progress = np.minimum(step / steps, 1)
        return self.final + 0.5 * (1 - self.final) * (1 + np.cos(np.pi * progress))
