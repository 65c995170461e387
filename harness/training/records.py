"""What training yields, and what remains of a run.

The loop yields a `Began` when runs join a stack, an `Epoch` after each pass over the training data and
an `Ended` when a run is over. A `Result` is what remains for the table of a sweep.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

__all__ = ["Began", "Ended", "Epoch", "Record", "Result", "Status"]


class Status(StrEnum):
    """How a run ended.

    Attributes:
        FINISHED: It has done all its epochs.
        STOPPED_EARLY: Its validation metric stopped improving.
        DROPPED: Successive halving gave its slot to another run.
        DIVERGED: Its loss or its parameters are no longer finite.
        FAILED: An error ended it.
    """

    FINISHED = "finished"
    STOPPED_EARLY = "stopped_early"
    DROPPED = "dropped"
    DIVERGED = "diverged"
    FAILED = "failed"


@dataclass(frozen=True)
class Began:
    """Runs have joined the stack.

    Attributes:
        runs: Their positions among the runs that the loop was called with.
        theta: Their parameters before training, (R, P).
    """

    runs: tuple[int, ...]
    theta: np.ndarray


@dataclass(frozen=True)
class Epoch:
    """The runs of the stack have made one pass over the training data.

    Attributes:
        runs: Their positions, as in `Began`.
        numbers: Number of the epoch of each run, from 1.
        metrics: Metrics of each run by name, (R,).
    """

    runs: tuple[int, ...]
    numbers: tuple[int, ...]
    metrics: dict[str, np.ndarray]


@dataclass(frozen=True)
class Ended:
    """A run is over.

    Attributes:
        run: Its position, as in `Began`.
        status: How it ended.
        epochs: Epochs that it has done.
        best_epoch: Epoch whose parameters it ends with; without restoring the last one.
        theta: These parameters, (P,).
        metrics: `best/…` at these parameters and `test/…`. A diverged run has none; a dropped one, or
            one without `training.test`, has no `test/…`.
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
    """A row in the table of a sweep: how a run ended.

    Attributes:
        name: Name of the run.
        folder: Folder of its files.
        overrides: Its words on the command line.
        names: Names of its components, by group.
        status: How it ended.
        epochs: Epochs that it has done.
        best_epoch: Epoch whose parameters it ends with.
        metrics: `best/…` and `test/…`, as in `Ended`.
        error: Message of the error that ended it.
        phase: What it is for in a tuning protocol, `tracking.phase`.
    """

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
