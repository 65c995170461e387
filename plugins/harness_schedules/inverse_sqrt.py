"""Decay with the square root of time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness import Horizon, check_range


@dataclass(frozen=True)
class InverseSqrt:
    """The learning rate falls with the inverse square root of time, in runs of any length.

        1 / √(1 + epoch / τ)

    The epoch is a fraction within an epoch and counts from the end of the warm-up.

    Attributes:
        epochs: Epochs τ after which the rate is 1/√2 of its start, in (0, inf).

    >>> InverseSqrt(epochs=2).factor(np.array([0.0, 12.0]), Horizon(steps_per_epoch=2, epochs=10))
    array([1. , 0.5])

    Source: Vaswani et al., Attention is all you need, 2017, eq. 3. With
    `training.warmup_epochs` = τ it is that equation, whose peak is the optimizer's `lr` here and
    1 / √(d_model · warm-up steps) there; the fall begins one step later.
    """

    epochs: float = 1.0

    def __post_init__(self) -> None:
        check_range(self, "epochs", 0, closed="neither")

    def factor(self, step: np.ndarray, horizon: Horizon) -> np.ndarray:
        """Continuous in the step; see `harness.Schedule.factor`."""
        return 1 / np.sqrt(1 + step / (self.epochs * horizon.steps_per_epoch))
