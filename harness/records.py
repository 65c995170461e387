"""What training yields, and what is kept of a run.

The loop yields an `Epoch` after each pass over the data and an `Ended` when a run is over; a `Result` is
what remains for the table of a sweep.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

__all__ = ["Ended", "Epoch", "Record", "Result", "Status"]


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


@dataclass(frozen=True)
class Result:
    """How a run ended. metrics: `best/…` and `test/…`."""

    name: str
    folder: str
    overrides: tuple[str, ...]
    names: dict[str, str]
    status: Status
    epochs: int = 0
    best_epoch: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    error: str = ""
