"""No schedule."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness import Horizon


@dataclass(frozen=True)
class Constant:
    """The same learning rate at every step.

    >>> Constant().factor(np.arange(3.0), Horizon(steps_per_epoch=2, epochs=10))
    array([1., 1., 1.])
    """

    def factor(self, step: np.ndarray, horizon: Horizon) -> np.ndarray:
        """1 at each step; see `harness.Schedule.factor`."""
        return np.ones_like(step)
