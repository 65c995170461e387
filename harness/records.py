"""What training yields: an `Epoch` after each pass over the data, an `Ended` when a run is over."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

__all__ = ["Ended", "Epoch", "Record", "Status"]


class Status(StrEnum):
    """How a run ended."""

    FINISHED = "finished"  # all epochs done
    STOPPED_EARLY = "stopped_early"  # the validation metric stopped improving
    DIVERGED = "diverged"  # the loss or the parameters are no longer finite
    FAILED = "failed"  # an error


@dataclass(frozen=True)
class Epoch:
    """One pass over the training data by the runs that are still in the stack.

    runs: their positions in the stack. metrics: by name, one value a run, in the same order.
    """

    number: int  # from 1
    runs: tuple[int, ...]
    metrics: dict[str, np.ndarray]


@dataclass(frozen=True)
class Ended:
    """A run is over: it was the last epoch, it stopped early, or it diverged.

    best_epoch: the epoch whose parameters were restored; the last one without restoring. metrics:
    `best/…` at that epoch and `test/…`, empty for a diverged run. theta: the parameters, (P,).
    """

    run: int
    status: Status
    epochs: int
    best_epoch: int
    theta: np.ndarray
    metrics: dict[str, float] = field(default_factory=dict)


Record = Epoch | Ended
