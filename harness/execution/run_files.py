"""What a run leaves in its folder and tells MLflow, at its start and at its end."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

import numpy as np

from harness.configuration.identity import plugin_versions
from harness.configuration.job import Job
from harness.prediction.parameters import DESCRIPTION, PARAMETERS
from harness.registry.registry import Registry
from harness.tracking import rate_range
from harness.tracking.address import without_secrets
from harness.tracking.events import Curves, RunEnded, RunStarted, now_ms
from harness.tracking.metrics_csv import METRICS, write_metrics
from harness.tracking.provenance import provenance
from harness.tracking.tracker import Tracker
from harness.training.records import Ended, Result, Status

__all__ = ["RESULT", "begin_run", "end_run", "failure", "record_failure"]

CONFIGURATION = (
    "configuration.json"  # complete: every value, and the component chosen in each group
)
RESULT = "result.json"
ERROR = "error.txt"
RESULTS = (PARAMETERS, DESCRIPTION, METRICS, RESULT, ERROR)
WITHOUT_COMMAND_LINE = (CONFIGURATION, *RESULTS)  # which may give the password of the store
ARTIFACTS = (".hydra/config.yaml", ".hydra/overrides.yaml", *WITHOUT_COMMAND_LINE)


def begin_run(job: Job, tags: dict[str, str], registry: Registry, tracker: Tracker) -> None:
    """A run begins: its folder is made ready, and its MLflow run. tags: more than those of every run."""
    run = job.run
    tags = {
        **run.names,
        **{f"plugin/{n}": v for n, v in plugin_versions(run, registry).items()},
        **_provenance(),
        **tags,
        "kind": "run",
        "seed": str(run.config.seed),
        "folder": str(job.folder),
    }
    if job.sweep:
        tags["sweep"] = job.sweep
    if run.config.tracking.phase:
        tags["phase"] = run.config.tracking.phase
    job.folder.mkdir(parents=True, exist_ok=True)
    for name in RESULTS:  # of an earlier run in the same folder
        (job.folder / name).unlink(missing_ok=True)
    tracking = run.config.tracking
    params = {**run.params, "tracking.uri": without_secrets(tracking.uri)}
    (job.folder / CONFIGURATION).write_text(json.dumps(params, indent=1), encoding="utf-8")
    tracker.start(
        RunStarted(
            key=str(job.folder),
            folder=str(job.folder),
            experiment=tracking.experiment,
            name=job.name,
            time_ms=now_ms(),
            tags=tags,
            params=params,
            log_model=_wanted(tracking.log_model, job),
        )
    )


def end_run(
    job: Job,
    record: Ended,
    rows: list[tuple[int, dict[str, float]]],
    tracker: Tracker,
    error: str = "",
) -> Result:
    """A run is over: what it has come to is left in its folder and in MLflow. rows: of its metrics."""
    tracking = job.run.config.tracking
    ranged = tracking.against == "rate" and bool(rows)
    metrics = {**record.metrics, **(rate_range.suggested_by(rows) if ranged else {})}
    result = Result(
        name=job.name,
        folder=str(job.folder),
        overrides=job.overrides,
        names=job.run.names,
        status=record.status,
        epochs=record.epochs,
        best_epoch=record.best_epoch,
        metrics=metrics,
        error=error,
        phase=job.run.config.tracking.phase,
    )
    if rows:
        write_metrics(job.folder, rows)
    (job.folder / RESULT).write_text(json.dumps(asdict(result), indent=1), encoding="utf-8")
    usable = record.status in (Status.FINISHED, Status.STOPPED_EARLY)
    names = ARTIFACTS if without_secrets(tracking.uri) == tracking.uri else WITHOUT_COMMAND_LINE
    curves = Curves(((job.name, METRICS),), title=job.name, against=tracking.against)
    tracker.end(
        RunEnded(
            key=str(job.folder),
            status=record.status,
            time_ms=now_ms(),
            metrics=metrics,
            artifacts=tuple(name for name in names if (job.folder / name).exists()),
            log_model=_wanted(tracking.log_model, job) and usable,
            curves=curves if _wanted(tracking.picture, job) and rows else None,
        )
    )
    return result


def failure(position: int, epochs: int = 0) -> Ended:
    """The end of a run that an error ended after so many epochs."""
    return Ended(position, Status.FAILED, epochs, 0, np.empty(0))


def record_failure(
    job: Job, tags: dict[str, str], registry: Registry, tracker: Tracker, error: str, details: str
) -> Result:
    """Leaves a failed run behind, in its folder and in the store, for a job that nobody could train."""
    begin_run(job, tags, registry, tracker)
    (job.folder / ERROR).write_text(details, encoding="utf-8")
    return end_run(job, failure(0), [], tracker, error)


def _wanted(setting: bool | None, job: Job) -> bool:
    """What takes its time is for a run by itself, unless the user says otherwise."""
    return job.sweep is None if setting is None else setting


@lru_cache(maxsize=1)
def _provenance() -> dict[str, str]:
    return provenance(Path.cwd())
