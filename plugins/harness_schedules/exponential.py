"""Exponential decay."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness import Horizon, check_range


@dataclass(frozen=True)
class Exponential:
    """The learning rate decays by the same factor each epoch, a little at every step: γ^epoch.

    The epoch is a fraction within an epoch, so the rate falls smoothly; at the start of an epoch it
    is that of `torch.optim.lr_scheduler.ExponentialLR`.

    Attributes:
        gamma: Factor γ of one epoch, in (0, 1].

    >>> Exponential(gamma=0.25).factor(np.arange(5.0), Horizon(steps_per_epoch=2, epochs=5))
    array([1.    , 0.5   , 0.25  , 0.125 , 0.0625])
    """

    gamma: float = 0.95

    def __post_init__(self) -> None:
        check_range(self, "gamma", 0, 1, closed="right")

    def factor(self, step: np.ndarray, horizon: Horizon) -> np.ndarray:
        """Continuous in the step; see `harness.Schedule.factor`."""
        return self.gamma ** (step / horizon.steps_per_epoch)
