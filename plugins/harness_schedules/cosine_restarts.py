"""Cosine annealing with warm restarts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness import Horizon, check_range


@dataclass(frozen=True)
class CosineRestarts:
    """SGDR: the rate falls along half a cosine, jumps back, and falls again, more slowly each time.

        f + ½(1 − f)(1 + cos(π T_cur / T_i)),        T_i = T₀ gⁱ

    T_cur are the epochs, fractions included, since the last restart. The last cycle may be cut
    short by the end of the run: with the defaults, cycles end after 10, 30, 70 and 150 epochs.

    Attributes:
        first: Epochs T₀ of the first cycle, in [1, inf).
        growth: Factor g on the length of each next cycle, in [1, inf).
        final: Factor f at the end of a cycle, in [0, 1].

    >>> CosineRestarts(2, 2).factor(np.arange(7.0), Horizon(steps_per_epoch=1, epochs=6)).round(3)
    array([1.   , 0.5  , 1.   , 0.854, 0.5  , 0.146, 1.   ])

    Source: Loshchilov & Hutter, SGDR: stochastic gradient descent with warm restarts, 2017, eq. 5.
    The same factors as `torch.optim.lr_scheduler.CosineAnnealingWarmRestarts` moved to each
    fraction of an epoch; there g is a whole number.
    """

    first: float = 10.0
    growth: float = 2.0
    final: float = 0.0

    def __post_init__(self) -> None:
        check_range(self, "first", 1)
        check_range(self, "growth", 1)
        check_range(self, "final", 0, 1)

    def factor(self, step: np.ndarray, horizon: Horizon) -> np.ndarray:
        """Falls within a cycle; see `harness.Schedule.factor`."""
        epoch = step / horizon.steps_per_epoch
        # Restarts are added up and compared, since a logarithm could land on the wrong side of one
        starts, length = [0.0], self.first
        while starts[-1] + length <= epoch.max(initial=0.0):
            starts.append(starts[-1] + length)
            length *= self.growth
        cycle = np.searchsorted(starts, epoch, side="right") - 1
        lengths = self.first * self.growth ** np.arange(float(len(starts)))
        progress = (epoch - np.array(starts)[cycle]) / lengths[cycle]
        return self.final + 0.5 * (1 - self.final) * (1 + np.cos(np.pi * progress))
