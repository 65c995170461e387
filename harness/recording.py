"""What is kept of the runs of a group: their folders, their MLflow runs, the progress a person sees."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

import numpy as np

from harness.data import Prepared
from harness.identity import plugin_versions
from harness.job import Job
from harness.objective import DECAY
from harness.progress import Progress
from harness.records import Began, Ended, Epoch, Result, Status
from harness.registry import Registry
from harness.stack import Stack
from harness.tracking import rate_range, results
from harness.tracking.description import Description
from harness.tracking.events import Curves, MetricsLogged, RunEnded, RunStarted, now_ms
from harness.tracking.provenance import provenance
from harness.tracking.store import public
from harness.tracking.tracker import Tracker
from harness.training import network_of

__all__ = ["RESULT", "GroupRecorder", "record_failure"]

CONFIGURATION = (
    "configuration.json"  # complete: every value, and the component chosen in each group
)
RESULT = "result.json"
ERROR = "error.txt"
RESULTS = (results.PARAMETERS, results.DESCRIPTION, results.METRICS, RESULT, ERROR)
WITHOUT_COMMAND_LINE = (CONFIGURATION, *RESULTS)  # which may give the password of the store
ARTIFACTS = (".hydra/config.yaml", ".hydra/overrides.yaml", *WITHOUT_COMMAND_LINE)


class GroupRecorder:
    """Takes down what happens to the runs of a group. results: by position, of those that are over.

    identities: of the jobs. company: what they train with, as tags: `stack_size`, how many of them at a
    time in a stack; `workers`, how many stacks at the same time, where that is known.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        identities: Sequence[str],
        data: Prepared,
        company: dict[str, str],
        registry: Registry,
        tracker: Tracker,
        progress: Progress,
    ) -> None:
        self.results: dict[int, Result] = {}
        self._jobs = jobs
        self._data = data
        self._identities = identities
        self._company = company
        self._registry = registry
        self._tracker = tracker
        self._progress = progress
        self._rows: dict[int, list[tuple[int, dict[str, float]]]] = {}  # of the runs in training
        self._network = network_of(jobs[0].run, data)

    def start(self, record: Began) -> None:
        """Training of some runs begins; again, if an error in its stack has ended it before."""
        self._progress.started(sum(position not in self._rows for position in record.runs))
        for position, theta in zip(record.runs, record.theta, strict=True):
            if position in self._rows:  # its MLflow run has begun, and goes on
                self._progress.again(len(self._rows[position]))
                self._rows[position] = []
                continue
            job = self._jobs[position]
            order = Stack((job.run,)).order(np.ones(1, dtype=int), len(self._data.train))
            hashes = {
                "sha256/data": self._data.sha256,
                "sha256/split": self._data.split_sha256,
                "sha256/initial_weights": _sha256(theta),
                "sha256/order": _sha256(order),  # of the first epoch; the seed fixes the others
                "data/source": self._data.source,
            }
            self._begin(position, job, hashes)

    def fail(self, position: int, error: str, details: str) -> None:
        """Ends a run with an error."""
        job = self._jobs[position]
        if position not in self._rows:
            self._progress.started(1)
            self._begin(position, job, {})
        (job.folder / ERROR).write_text(details, encoding="utf-8")
        self._finish(failure(position, len(self._rows[position])), error)

    def _begin(self, position: int, job: Job, hashes: dict[str, str]) -> None:
        own = {"identity": self._identities[position], **self._company}
        begin_run(job, {**hashes, **own}, self._registry, self._tracker)
        self._rows[position] = []

    def epoch(self, record: Epoch) -> None:
        """An epoch of the runs that are still in training is over."""
        time_ms = now_ms()
        columns = {name: values.tolist() for name, values in record.metrics.items()}
        for row, (position, number) in enumerate(zip(record.runs, record.numbers, strict=True)):
            values = {name: column[row] for name, column in columns.items()}
            self._rows[position].append((number, values))
            key = str(self._jobs[position].folder)
            self._tracker.log(MetricsLogged(key, number, time_ms, values))
            if number == 1:
                self._warn_of_unlike_terms(position, values)
        self._progress.epoch(record, self._jobs[record.runs[0]].name)

    def _warn_of_unlike_terms(self, position: int, values: dict[str, float]) -> None:
        """λ should bring the terms of ℒ to a like size: warns where one is ten times another."""
        job = self._jobs[position]
        names = [job.run.names["loss"], *job.run.auxiliary, DECAY]
        sizes = {n: abs(values[f"train/{n}"]) for n in names if f"train/{n}" in values}
        largest, smallest = max(sizes, key=sizes.__getitem__), min(sizes, key=sizes.__getitem__)
        if sizes[largest] > 10 * sizes[smallest]:
            self._progress.warn(
                f"{job.name}: after the first epoch the term {largest} ({sizes[largest]:.3g}) is more "
                f"than ten times {smallest} ({sizes[smallest]:.3g}). Terms of like size let each have "
                f"a say: change its λ."
            )

    def end(self, record: Ended) -> None:
        """A run is over: its parameters are saved."""
        job, data, network = self._jobs[record.run], self._data, self._network
        config = job.run.config
        description = Description(
            sizes=network.sizes,
            activation=network.activation,
            slope=network.slope,
            bias=network.bias,
            task=data.task,
            output_activation=config.loss.output_activation,
            classes=data.classes,
            feature_names=data.feature_names,
            scaling=data.scaling.to_dict(),
            backend=job.run.names["backend"],
            dtype=config.backend.dtype,
        )
        results.save_parameters(job.folder, description, record.theta)
        self._finish(record)

    def _finish(self, record: Ended, error: str = "") -> None:
        position = record.run
        job, rows = self._jobs[position], self._rows.pop(position)
        result = end_run(job, record, rows, self._tracker, error)
        self.results[position] = result
        self._progress.ended(result, job.run.config.training.max_epochs)


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
    params = {**run.params, "tracking.uri": public(tracking.uri)}
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
        results.write_metrics(job.folder, rows)
    (job.folder / RESULT).write_text(json.dumps(asdict(result), indent=1), encoding="utf-8")
    usable = record.status in (Status.FINISHED, Status.STOPPED_EARLY)
    names = ARTIFACTS if public(tracking.uri) == tracking.uri else WITHOUT_COMMAND_LINE
    curves = Curves(((job.name, results.METRICS),), title=job.name, against=tracking.against)
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


def _sha256(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
