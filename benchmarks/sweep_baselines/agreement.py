"""Whether all contenders learn the same thing: their scores by optimizer, held against seed noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .grid import Grid

__all__ = ["Agreement", "compare"]

BOUND = 4.0  # standard errors; some thirty comparisons are made
ROUNDING = 0.002  # where all seeds agree, as with weights that stay zero


@dataclass(frozen=True)
class Agreement:
    """Means over the settings of an optimizer that both have trained. bound: on their difference."""

    optimizer: str
    ours: float
    theirs: float
    bound: float

    @property
    def alike(self) -> bool:
        return abs(self.ours - self.theirs) <= self.bound


def compare(ours: np.ndarray, grid: Grid, theirs: np.ndarray, share: Grid) -> list[Agreement]:
    """By optimizer. ours, theirs: (optimizers, initializers, rates, seeds) of grid and of share.

    The standard error of a difference of means is taken from the spread of our seeds (two or more)
    within each setting.
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
