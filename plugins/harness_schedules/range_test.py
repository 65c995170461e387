"""The learning-rate range test."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np

from harness import Horizon, check_choice, check_range


@dataclass(frozen=True)
class RangeTest:
    """A range test: each epoch has a higher rate than the one before, up to the optimizer's `lr`.

        s^(1 − epoch / (epochs − 1)),  or  s + (1 − s) epoch / (epochs − 1)

    The rate stays within an epoch, so that the logged `train/loss`, a mean over the epoch, is that
    of the logged `train/lr` and no other. Train without a warm-up, and without early stopping;
    `experiment=rate_range` does, and draws the loss against the rate.

    Attributes:
        start: Factor s of the first epoch, in (0, 1); `lr` times s is the lowest rate.
        shape: Shape of the rise, "exponential" (equal steps on a logarithmic axis) or "linear".

    >>> RangeTest(start=0.01).factor(np.arange(6.0), Horizon(steps_per_epoch=2, epochs=3))
    array([0.01, 0.01, 0.1 , 0.1 , 1.  , 1.  ])

    Source: Smith, Cyclical learning rates for training neural networks, 2017, section 3.3, where
    the rate rises linearly at each step.
    """

    start: float = 1e-7
    shape: str = "exponential"

    def __post_init__(self) -> None:
        check_range(self, "start", 0, 1, closed="neither")
        check_choice(self, "shape", ("exponential", "linear"))

    def factor(self, step: np.ndarray, horizon: Horizon) -> np.ndarray:
        """Constant within an epoch; see `harness.Schedule.factor`."""
        last = max(ceil(horizon.epochs) - 1, 1)  # the number of the last epoch, from 0
        progress = np.minimum(step // horizon.steps_per_epoch / last, 1)
        if self.shape == "linear":
            return self.start + (1 - self.start) * progress
        return self.start ** (1 - progress)
