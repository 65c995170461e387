"""One cycle: up to the highest rate, and down to almost nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness import Horizon, check_choice, check_range


@dataclass(frozen=True)
class OneCycle:
    """One cycle: the rate rises to the optimizer's `lr` once, and falls to almost nothing.

        1/start  →  1  →  1/(start · end)

    It has its warm-up in it: with `training.warmup_epochs` the rate rises to `lr`, drops to 1/start
    of it and rises again.

    Attributes:
        rise: Share of the run in which the rate rises, in (0, 1).
        start: Ratio of the highest rate to the first, in [1, inf).
        end: Ratio of the first rate to the last, in [1, inf).
        shape: Shape of the rise and of the fall, "cosine" or "linear".

    >>> schedule = OneCycle(rise=0.5, start=4, end=2, shape="linear")
    >>> schedule.factor(np.arange(8.0), Horizon(steps_per_epoch=4, epochs=2)).round(3)
    array([0.25 , 0.5  , 0.75 , 1.   , 0.781, 0.562, 0.344, 0.125])

    Source: Smith & Topin, Super-convergence: very fast training of neural networks using large
    learning rates, 2018. The same factors as `torch.optim.lr_scheduler.OneCycleLR` with
    `three_phase=False`. There momentum falls while the rate rises, and rises while it falls (Smith, A
    disciplined approach to neural network hyper-parameters, 2018); here it keeps its value, since a
    schedule is a factor of the rate and nothing else.
    """

    rise: float = 0.3
    start: float = 25.0
    end: float = 1e4
    shape: str = "cosine"

    def __post_init__(self) -> None:
        check_range(self, "rise", 0, 1, closed="neither")
        check_range(self, "start", 1)
        check_range(self, "end", 1)
        check_choice(self, "shape", ("cosine", "linear"))

    def factor(self, step: np.ndarray, horizon: Horizon) -> np.ndarray:
        """Continuous in the step; see `harness.Schedule.factor`."""
        last = max(horizon.steps - 1, 1)  # the warm-up may leave no step
        peak = max(self.rise * horizon.steps - 1, 0)
        rising = self._between(1 / self.start, 1.0, np.minimum(step / (peak or 1), 1))
        passed = np.clip((step - peak) / (last - peak), 0, 1)
        falling = self._between(1.0, 1 / self.start / self.end, passed)
        return np.where(step < peak, rising, falling)

    def _between(self, low: float, high: float, progress: np.ndarray) -> np.ndarray:
        """The factor at `progress`, in [0, 1], on the way from one factor to another."""
        if self.shape == "cosine":
            progress = (1 - np.cos(np.pi * progress)) / 2
        return low + (high - low) * progress
