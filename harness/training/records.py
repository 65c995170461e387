"""What training yields, and what is kept of a run.

The loop yields a `Began` when runs take their places in a stack, an `Epoch` after each pass over the
data and an `Ended` when a run is over; a `Result` is what remains for the table of a sweep.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

__all__ = ["Began", "Ended", "Epoch", "Record", "Result", "Status"]


class Status(StrEnum):
    """How a run ended."""

    FINISHED = "finished"  # all epochs done
    STOPPED_EARLY = "stopped_early"  # the validation metric stopped improving
    DROPPED = "dropped"  # successive halving gave its place to another run
    DIVERGED = "diverged"  # the loss or the parameters are no longer finite
    FAILED = "failed"  # an error


@dataclass(frozen=True)
class Began:
    """Runs have been given a place in the stack.

    runs: their positions among all runs that were given to the loop. theta: where they start, (R, P).
    """

    runs: tuple[int, ...]
    theta: np.ndarray


@dataclass(frozen=True)
class Epoch:
    """One pass over the training data by the runs of the stack.

    runs: as in `Began`. numbers: which epoch it was for each of them, from 1. metrics: by name, one
    value a run, in the same order.
    """

    runs: tuple[int, ...]
    numbers: tuple[int, ...]
    metrics: dict[str, np.ndarray]


@dataclass(frozen=True)
class Ended:
    """A run is over: it was the last epoch, it stopped early, was dropped, or diverged.

    best_epoch: the epoch whose parameters were restored; the last one without restoring. metrics:
    `best/…` at that epoch and `test/…`; none for a diverged run, and no test for a dropped one or
    without `training.test`. theta: the parameters, (P,).
    """

    run: int
    status: Status
    epochs: int
    best_epoch: int
    theta: np.ndarray
    metrics: dict[str, float] = field(default_factory=dict)


Record = Began | Epoch | Ended


@dataclass(frozen=True)
class Result:
    """How a run ended. metrics: `best/…` and `test/…`. phase: `tracking.phase`."""

    name: str
    folder: str
    overrides: tuple[str, ...]
    names: dict[str, str]
    status: Status
    epochs: int = 0
    best_epoch: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    error: str = ""
    phase: str = ""
