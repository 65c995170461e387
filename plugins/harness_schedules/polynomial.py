"""Polynomial decay."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness import Horizon, check_range


@dataclass(frozen=True)
class Polynomial:
    """The learning rate falls as a power of the rest of the run.

        f + (1 − f)(1 − step / steps)^p

    Attributes:
        power: Exponent p, in (0, inf); 1 is a straight line.
        final: Factor f that is reached when the horizon is over, in [0, 1]; it stays from there on.

    >>> Polynomial(power=2).factor(np.arange(5.0), Horizon(steps_per_epoch=2, epochs=2))
    array([1.    , 0.5625, 0.25  , 0.0625, 0.    ])

    Source: Chen et al., DeepLab, 2018, section 4.1.2, the "poly" policy with p = 0.9. For f = 0 the
    same factors as `torch.optim.lr_scheduler.PolynomialLR` stepped at each step.
    """

    power: float = 1.0
    final: float = 0.0

    def __post_init__(self) -> None:
        check_range(self, "power", 0, closed="neither")
        check_range(self, "final", 0, 1)

    def factor(self, step: np.ndarray, horizon: Horizon) -> np.ndarray:
        """Continuous in the step; see `harness.Schedule.factor`."""
        steps = max(horizon.steps, 1)  # the warm-up may leave none
        left = 1 - np.minimum(step / steps, 1)
        return self.final + (1 - self.final) * left**self.power
