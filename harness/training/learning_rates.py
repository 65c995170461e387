"""The learning rate of each step of an epoch."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, isfinite

import numpy as np

from harness.configuration.settings import Config
from harness.contracts import AdaptiveSchedule, Horizon
from harness.errors import BrokenPromise

__all__ = ["learning_rates"]


def learning_rates(
    config: Config,
    step: np.ndarray,
    steps_per_epoch: int,
    batch_size: int,
    values: Sequence[float],
) -> np.ndarray:
    """Linear scaling with the batch × linear warm-up, then the schedule over what is left."""
    training = config.training
    scale = batch_size / training.reference_batch_size if training.reference_batch_size else 1.0
    warmup = training.warmup_epochs * steps_per_epoch
    horizon = Horizon(steps_per_epoch, max(training.max_epochs - training.warmup_epochs, 0.0))
    scheduled = config.schedule.factor(np.maximum(step - warmup, 0.0), horizon)
    _check_factors(config.schedule, scheduled, step)
    if isinstance(config.schedule, AdaptiveSchedule):
        scheduled = scheduled * _factor_after(
            config.schedule, values[ceil(training.warmup_epochs) :]
        )
    ramp = np.minimum((step + 1) / warmup, 1.0) if warmup else 1.0
    return config.optimizer.lr * scale * ramp * np.where(step < warmup, 1.0, scheduled)


def _check_factors(schedule: object, factors: object, step: np.ndarray) -> None:
    """Raises BrokenPromise for what is no array of a finite factor a step. 2 µs an epoch and run."""
    if not isinstance(factors, np.ndarray) or factors.shape != step.shape:
        found = factors.shape if isinstance(factors, np.ndarray) else repr(factors)[:80]
        raise BrokenPromise(
            schedule,
            f"factor must return an array with one number a step, of shape {step.shape}. Got {found}",
        )
    if not np.isfinite(factors.sum(dtype=np.float64)):  # not finite if any factor is not
        place = int(np.argmin(np.isfinite(factors)))
        raise BrokenPromise(
            schedule,
            f"factor must return finite numbers. Got {factors[place]} for step {step[place]:g}",
        )


def _factor_after(schedule: AdaptiveSchedule, values: Sequence[float]) -> float:
    """What a schedule makes of the metric. Raises BrokenPromise for what is no finite number."""
    factor = schedule.factor_after(np.array(values, np.float64))
    if not isinstance(factor, float | int) or not isfinite(factor):  # np.float64 is a float
        raise BrokenPromise(
            schedule,
            f"factor_after must return a finite number. Got {factor!r:.80} after {len(values)} epochs",
        )
    return factor
