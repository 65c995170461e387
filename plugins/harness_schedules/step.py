"""Decay in steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness import Horizon, check_range


@dataclass(frozen=True)
class Step:
    """The learning rate drops by a factor every few epochs: γ^⌊epoch / every⌋.

    Epochs are counted from the end of the warm-up. The same factors as
    `torch.optim.lr_scheduler.StepLR`, stepped once an epoch.

    Attributes:
        every: Epochs between two drops, 1 or more.
        gamma: Factor γ of a drop, in (0, 1].

    >>> Step(every=2, gamma=0.5).factor(np.arange(5.0), Horizon(steps_per_epoch=1, epochs=5))
    array([1.  , 1.  , 0.5 , 0.5 , 0.25])
    """

    every: int = 10
    gamma: float = 0.1

    def __post_init__(self) -> None:
        check_range(self, "every", 1)
        check_range(self, "gamma", 0, 1, closed="right")

    def factor(self, step: np.ndarray, horizon: Horizon) -> np.ndarray:
        """Constant within `every` epochs; see `harness.Schedule.factor`."""
        return self.gamma ** (step // (self.every * horizon.steps_per_epoch))
