"""What a run's journal has gained since the last look, as one thing to write into a store."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePosixPath

from harness.errors import TrackingError
from harness.tracking.events import MetricsLogged, RunEnded, RunStarted
from harness.tracking.journal import JournalReader
from harness.training.records import Status

__all__ = ["JournalCursor", "LogBatch", "MetricRow", "read_batch"]

MetricRow = tuple[str, float, int, int]  # name, value, time in ms, step

# MLflow's own limits (mlflow/utils/validation.py); SQLite would not enforce them
NAME_LENGTH, PARAM_LENGTH, TAG_LENGTH = 250, 6000, 8000
NAME = re.compile(r"[/\w.\- :]+")

STATUS = {  # ours -> MLflow's
    Status.FINISHED: "FINISHED",
    Status.STOPPED_EARLY: "FINISHED",
    Status.DROPPED: "FINISHED",
    Status.DIVERGED: "FINISHED",  # the run did what it was asked to; the tag `status` tells
    Status.FAILED: "FAILED",
}
KILLED = "KILLED"  # its process died or was stopped
INTERRUPTED = "interrupted"  # the tag `status` of such a run


@dataclass(eq=False)
class JournalCursor:
    """A run that is being written: what of its journal is in the store.

    complete: all of it. over: there is nothing more to do, for it is complete or has failed.
    """

    folder: Path
    reader: JournalReader = field(init=False)
    run_id: str = ""
    artifact_uri: str = ""
    last_time: int = 0
    complete: bool = False
    over: bool = False

    def __post_init__(self) -> None:
        self.reader = JournalReader(self.folder)


@dataclass(eq=False)
class LogBatch:
    """One piece of a run. started: if it is the first. status: MLflow's, once the run is over."""

    run: JournalCursor
    started: RunStarted | None = None
    metrics: list[MetricRow] = field(default_factory=list)
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    ended: RunEnded | None = None
    status: str = ""

    @property
    def rows(self) -> int:
        """About as many rows as it takes in the store."""
        return len(self.metrics) + len(self.params) + len(self.tags) + 1

    @property
    def name(self) -> str:
        """The name of the run in the store; of an entry that starts it."""
        assert self.started is not None
        return _cut(self.started.name or self.run.folder.name, NAME_LENGTH)


def read_batch(run: JournalCursor, *, last: bool) -> LogBatch | None:
    """What the journal has gained; None if nothing. last: no more will come, so the run must end.

    Raises TrackingError where the journal, or a name in it, is not what MLflow takes.
    """
    events = run.reader.read()
    over = last and not run.reader.behind
    if not events and not over:
        return None
    entry = LogBatch(run)
    for event in events:
        run.last_time = event.time_ms
        if isinstance(event, RunStarted):
            entry.started = event
            entry.params = {name: _cut(value, PARAM_LENGTH) for name, value in event.params.items()}
            entry.tags |= event.tags
        elif isinstance(event, MetricsLogged):
            entry.metrics += _finite(event.values, event.time_ms, event.step)
        else:
            entry.ended = event
            # Step 0: MLflow's charts then compare them as bars, not as lines over the last epoch
            entry.metrics += _finite(event.metrics, event.time_ms, 0)
            entry.tags |= event.tags | {"status": event.status.value}
            entry.status = STATUS[event.status]
    if not run.run_id and not entry.started:
        raise TrackingError(f"The journal in {run.folder} does not begin with the start of a run.")
    if over and not entry.ended:
        entry.tags["status"] = INTERRUPTED
        entry.status = KILLED
    entry.tags = {name: _cut(value, TAG_LENGTH) for name, value in entry.tags.items()}
    for name in {name for name, *_ in entry.metrics} | entry.params.keys() | entry.tags.keys():
        _check_name(name)
    return entry


def _finite(values: Mapping[str, float], time_ms: int, step: int) -> Iterable[MetricRow]:
    """MLflow stores infinity as 1.8e308, which no chart survives; the status tells of it."""
    return [(name, value, time_ms, step) for name, value in values.items() if math.isfinite(value)]


@lru_cache(maxsize=4096)
def _check_name(name: str) -> None:
    path = PurePosixPath(name)
    whole = NAME.fullmatch(name) and str(path) == name and not path.is_absolute()
    if not whole or ".." in path.parts or len(name) > NAME_LENGTH:
        raise TrackingError(
            f"MLflow takes names of at most {NAME_LENGTH} letters, digits, spaces and /_-.: that "
            f"are relative paths. Got {name!r}."
        )


def _cut(value: str, length: int) -> str:
    return value if len(value) <= length else value[: length - 1] + "…"
