"""What a run's journal has gained since the last look, as one batch to write into a store."""

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

MLFLOW_STATUS = {
    Status.FINISHED: "FINISHED",
    Status.STOPPED_EARLY: "FINISHED",
    Status.DROPPED: "FINISHED",
    Status.DIVERGED: "FINISHED",  # the run did what it was asked to; its tag `status` says how
    Status.FAILED: "FAILED",
}
KILLED = "KILLED"  # the process of the run died or was stopped
INTERRUPTED = "interrupted"  # the tag `status` of such a run


@dataclass(eq=False)
class JournalCursor:
    """A run that is being written: how much of its journal is in the store.

    Attributes:
        folder: Folder of the run, with its journal.
        reader: Reader of the journal, which goes on where it stopped.
        run_id: Id in MLflow; "" until the run is in the store.
        artifact_uri: Address of its artifacts; "" until then, too.
        last_time: Time of the last event read, in ms since 1970.
        complete: Whether all of the journal is in the store.
        over: Whether nothing is left to do: the run is complete, or could not be written.
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
    """A piece of a run's journal, in MLflow's terms (as in `MlflowClient.log_batch`).

    Attributes:
        run: Run that the journal is of.
        started: Start of the run, in its first batch.
        metrics: Finite values of metrics.
        params: Params, text by name, in the first batch.
        tags: Tags, text by name.
        ended: End of the run, in its last batch, unless it was interrupted.
        status: MLflow's status of the run, in its last batch; "" before.
    """

    run: JournalCursor
    started: RunStarted | None = None
    metrics: list[MetricRow] = field(default_factory=list)
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    ended: RunEnded | None = None
    status: str = ""

    @property
    def rows(self) -> int:
        """About how many rows the batch takes in the store."""
        return len(self.metrics) + len(self.params) + len(self.tags) + 1

    @property
    def name(self) -> str:
        """The name of the run in the store; of its first batch."""
        assert self.started is not None
        return _cut(self.started.name or self.run.folder.name, NAME_LENGTH)


def read_batch(run: JournalCursor, *, last: bool) -> LogBatch | None:
    """What the journal has gained; None if nothing.

    Args:
        run: The run, whose reader moves on.
        last: Whether nothing more will come, so that the run has to end.

    Raises:
        TrackingError: If the journal is damaged, or MLflow does not take a name in it.
    """
    events = run.reader.read()
    must_end = last and not run.reader.behind
    if not events and not must_end:
        return None
    batch = LogBatch(run)
    for event in events:
        run.last_time = event.time_ms
        if isinstance(event, RunStarted):
            batch.started = event
            batch.params = {name: _cut(value, PARAM_LENGTH) for name, value in event.params.items()}
            batch.tags |= event.tags
        elif isinstance(event, MetricsLogged):
            batch.metrics += _finite(event.values, event.time_ms, event.step)
        else:
            batch.ended = event
            # Step 0: MLflow's charts then compare them as bars, not as lines over the last epoch
            batch.metrics += _finite(event.metrics, event.time_ms, 0)
            batch.tags |= event.tags | {"status": event.status.value}
            batch.status = MLFLOW_STATUS[event.status]
    if not run.run_id and not batch.started:
        raise TrackingError(f"The journal in {run.folder} does not begin with the start of a run.")
    if must_end and not batch.ended:
        batch.tags["status"] = INTERRUPTED
        batch.status = KILLED
    batch.tags = {name: _cut(value, TAG_LENGTH) for name, value in batch.tags.items()}
    for name in {name for name, *_ in batch.metrics} | batch.params.keys() | batch.tags.keys():
        _check_name(name)
    return batch


def _finite(values: Mapping[str, float], time_ms: int, step: int) -> Iterable[MetricRow]:
    """MLflow stores infinity as 1.8e308, which spoils every chart; the tag `status` tells of it."""
    return [(name, value, time_ms, step) for name, value in values.items() if math.isfinite(value)]


@lru_cache(maxsize=4096)
def _check_name(name: str) -> None:
    path = PurePosixPath(name)
    plain = NAME.fullmatch(name) and str(path) == name and not path.is_absolute()
    if not plain or ".." in path.parts or len(name) > NAME_LENGTH:
        raise TrackingError(
            f"MLflow takes names of at most {NAME_LENGTH} letters, digits, spaces and /_-.: that "
            f"are relative paths. Got {name!r}."
        )


def _cut(value: str, length: int) -> str:
    return value if len(value) <= length else value[: length - 1] + "…"
