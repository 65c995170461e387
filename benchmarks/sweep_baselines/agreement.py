"""Whether all contenders learn the same thing: their scores by optimizer, compared with seed noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .grid import Grid

__all__ = ["Agreement", "compare"]

BOUND = 4.0  # standard errors, for some thirty comparisons
ROUNDING = 0.002  # for settings in which all seeds agree, as with weights that stay zero


@dataclass(frozen=True)
class Agreement:
    """The mean scores of an optimizer, over the settings that both have trained.

    Attributes:
        optimizer: Its name.
        ours: Our mean.
        theirs: The contender's mean.
        bound: Largest difference that the spread of the seeds allows.
    """

    optimizer: str
    ours: float
    theirs: float
    bound: float

    @property
    def alike(self) -> bool:
        return abs(self.ours - self.theirs) <= self.bound


def compare(ours: np.ndarray, grid: Grid, theirs: np.ndarray, share: Grid) -> list[Agreement]:
    """The agreement for each optimizer.

    The standard error of a difference of means comes from the spread of our seeds (two or more) within
    each setting.

    Args:
        ours: Our scores, (optimizers, initializers, rates, seeds) of `grid`.
        grid: What we have trained.
        theirs: The contender's scores, (optimizers, initializers, rates, seeds) of `share`.
        share: What the contender has trained.
    """
    common = ours[:, :, [grid.rates.index(rate) for rate in share.rates]]
    variance = common.var(axis=3, ddof=1) * (1 / grid.seeds + 1 / share.seeds)
    settings = variance[0].size
    error = np.sqrt(variance.sum(axis=(1, 2))) / settings
    return [
        Agreement(
            optimizer,
            float(common[row].mean()),
            float(theirs[row].mean()),
            float(BOUND * error[row] + ROUNDING),
        )
        for row, optimizer in enumerate(grid.optimizers)
    ]
