"""What happens to a run, as plain data: a JSON line each in its journal, and from there to MLflow."""

from __future__ import annotations

import dataclasses
import json
import time
from dataclasses import dataclass, field

from harness.errors import TrackingError
from harness.training.records import Status

__all__ = [
    "Curves",
    "Event",
    "MetricsLogged",
    "RunEnded",
    "RunStarted",
    "from_line",
    "now_ms",
    "to_line",
]


def now_ms() -> int:
    """Milliseconds since 1970, MLflow's clock."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class RunStarted:
    """A run begins.

    Attributes:
        key: Key of the run, unique among the runs of one `Tracker`.
        folder: Output folder of the run, where its journal is.
        experiment: Name of the MLflow experiment.
        name: Name of the run in MLflow; if empty, that of the folder.
        time_ms: Milliseconds since 1970.
        tags: Tags in MLflow.
        params: Params in MLflow: the configuration as text.
        log_model: Whether its end is expected to ask for a model: the writer then imports early what
            a model needs.
    """

    key: str
    folder: str
    experiment: str
    name: str
    time_ms: int
    tags: dict[str, str] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    log_model: bool = False


@dataclass(frozen=True)
class MetricsLogged:
    """Metrics of one epoch of a run.

    Attributes:
        key: Key of the run.
        step: Number of the epoch; MLflow calls it a step.
        time_ms: Milliseconds since 1970.
        values: Value of each metric by name; MLflow gets the finite ones.
    """

    key: str
    step: int
    time_ms: int
    values: dict[str, float]


@dataclass(frozen=True)
class Curves:
    """A picture of learning curves to draw into the run's folder and to log.

    Attributes:
        runs: (label, relative path of metrics.csv) of each run; runs of one label are a group.
        name: Name of the file; by default learning_curves.png or rate_range.png.
        title: Title above the picture.
        against: Horizontal axis: "epoch", or "rate" for a learning-rate range test.
    """

    runs: tuple[tuple[str, str], ...]
    name: str = ""
    title: str = ""
    against: str = "epoch"

    def __post_init__(self) -> None:
        if not self.name:
            name = "rate_range.png" if self.against == "rate" else "learning_curves.png"
            object.__setattr__(self, "name", name)
        # JSON has lists for tuples
        object.__setattr__(self, "runs", tuple((label, path) for label, path in self.runs))


@dataclass(frozen=True)
class RunEnded:
    """A run is over.

    Attributes:
        key: Key of the run.
        status: How it ended; MLflow gets it as the tag `status`, too.
        time_ms: Milliseconds since 1970.
        tags: Tags to add to those of the start; the same name takes the new value.
        metrics: Metrics of the whole run, logged at step 0.
        artifacts: Files or folders in the run's folder, by relative path.
        log_model: Whether to log an MLflow model, from `parameters.safetensors` and
            `description.json` there.
        curves: The picture to draw, if any.
    """

    key: str
    status: Status
    time_ms: int
    tags: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    artifacts: tuple[str, ...] = ()
    log_model: bool = False
    curves: Curves | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", Status(self.status))
        object.__setattr__(self, "artifacts", tuple(self.artifacts))
        if isinstance(self.curves, dict):
            object.__setattr__(self, "curves", Curves(**self.curves))


Event = RunStarted | MetricsLogged | RunEnded

_KINDS: dict[str, type[Event]] = {
    "started": RunStarted,
    "metrics": MetricsLogged,
    "ended": RunEnded,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def to_line(event: Event) -> str:
    """One line of JSON. Metrics that are not finite become NaN or Infinity, as in Python's json.

    >>> to_line(MetricsLogged("a", step=1, time_ms=0, values={"train/loss": 0.5}))
    '{"event": "metrics", "key": "a", "step": 1, "time_ms": 0, "values": {"train/loss": 0.5}}\\n'
    """
    fields = vars(event)
    if isinstance(event, RunEnded) and event.curves:
        fields = {**fields, "curves": dataclasses.asdict(event.curves)}
    return json.dumps({"event": _NAMES[type(event)], **fields}) + "\n"


def from_line(line: str) -> Event:
    """The inverse of `to_line`. Raises TrackingError for anything else."""
    try:
        fields = json.loads(line)
        return _KINDS[fields.pop("event")](**fields)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TrackingError(f"Not a line of a run's journal ({error}): {line[:200]!r}") from error
