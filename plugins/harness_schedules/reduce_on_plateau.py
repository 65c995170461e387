"""Decay when the validation metric stops improving."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import numpy as np

from harness import Horizon, check_range


@dataclass(frozen=True)
class ReduceOnPlateau:
    """The rate drops by a factor whenever the validation metric has stopped improving: γ^drops.

    The schedule watches `training.stopping.metric`, from the first epoch after the warm-up on. Keep
    `training.stopping.patience` well above this one's, or the run stops before a drop can help.

    Attributes:
        gamma: Factor γ of a drop, in (0, 1].
        patience: Epochs without improvement that are tolerated, 0 or more; the rate drops after one
            more.
        min_change: Least improvement that counts, as a share of the best value, in [0, 1).
        cooldown: Epochs after a drop that do not count as without improvement, 0 or more.
        final: Lowest factor, in [0, 1].

    >>> values = np.array([3.0, 2.0, 2.5, 2.0, 2.0, 2.0])
    >>> ReduceOnPlateau(gamma=0.5, patience=1).factor_after(values)
    0.25

    Source: He, Zhang, Ren & Sun, Deep residual learning for image recognition, 2016, section 3.4,
    divide by 10 when the error plateaus. The same factors as
    `torch.optim.lr_scheduler.ReduceLROnPlateau` with its relative threshold, but for two things: a
    share of a negative value is taken of its size, so that an improvement is asked for there, too;
    and no drop is too small to be made (`eps` there).
    """

    gamma: float = 0.1
    patience: int = 10
    min_change: float = 1e-4
    cooldown: int = 0
    final: float = 0.0

    def __post_init__(self) -> None:
        check_range(self, "gamma", 0, 1, closed="right")
        check_range(self, "patience", 0)
        check_range(self, "min_change", 0, 1, closed="left")
        check_range(self, "cooldown", 0)
        check_range(self, "final", 0, 1)

    def factor(self, step: np.ndarray, horizon: Horizon) -> np.ndarray:
        """1 at each step: time alone changes nothing. See `harness.Schedule.factor`."""
        return np.ones_like(step)

    def factor_after(self, values: np.ndarray) -> float:
        """See `harness.AdaptiveSchedule.factor_after`."""
        factor, best, waited, cooling = 1.0, inf, 0, 0
        for value in values.tolist():
            margin = self.min_change * abs(best) if best < inf else 0.0
            improved = value < best - margin
            best = value if improved else best
            waited = 0 if improved or cooling else waited + 1
            cooling = max(cooling - 1, 0)
            if waited > self.patience:
                factor, waited, cooling = max(factor * self.gamma, self.final), 0, self.cooldown
        return factor
