"""Writes the journals of runs into a store. Lives in the writer process: it imports MLflow."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from harness.errors import TrackingError
from harness.records import Status
from harness.tracking import journal
from harness.tracking.database import prepare
from harness.tracking.events import MetricsLogged, RunEnded, RunStarted
from harness.tracking.pictures import draw_curves
from harness.tracking.sqlite_batch import Metric, SqliteBatch
from harness.tracking.store import database, public

__all__ = ["Recorder", "Run"]

# MLflow's own limits (mlflow/utils/validation.py); SQLite would not enforce them
NAME_LENGTH, PARAM_LENGTH, TAG_LENGTH = 250, 6000, 8000
NAME = re.compile(r"[/\w.\- :]+")

STATUS = {  # ours -> MLflow's
    Status.FINISHED: "FINISHED",
    Status.STOPPED_EARLY: "FINISHED",
    Status.DIVERGED: "FINISHED",  # the run did what it was asked to; the tag `status` tells
    Status.FAILED: "FAILED",
}


@dataclass
class Run:
    """A run that is being written: what of its journal is in the store."""

    folder: Path
    reader: journal.Reader = field(init=False)
    run_id: str = ""
    artifact_uri: str = ""
    last_time: int = 0
    complete: bool = False

    def __post_init__(self) -> None:
        self.reader = journal.Reader(self.folder)


class Recorder:
    """Brings the store up to date with journals."""

    def __init__(self, uri: str) -> None:
        self._store = prepare(uri)
        self._experiments: dict[str, str] = {}
        path = database(uri)
        self._batch = SqliteBatch(path) if path and SqliteBatch.fits(path) else None

    def experiment(self, name: str) -> str:
        """The id of an experiment, which is created if need be."""
        if name not in self._experiments:
            self._experiments[name] = self._store.experiment(name)
        return self._experiments[name]

    def record(self, run: Run, *, last: bool = False) -> None:
        """Writes what the journal has gained. last: nothing more will come, so the run must end."""
        events = run.reader.read()
        if not events and not (last and run.run_id):
            return
        params: Mapping[str, str] = {}
        metrics: list[Metric] = []
        tags: dict[str, str] = {}
        ended: RunEnded | None = None
        for event in events:
            run.last_time = event.time_ms
            if isinstance(event, RunStarted):
                self._start(run, event)
                if run.complete:  # an earlier writer has done all this
                    return
                params, tags = event.params, dict(event.tags)
            elif isinstance(event, MetricsLogged):
                metrics += _finite(event.values, event.time_ms, event.step)
            else:
                ended = event
                # Step 0: MLflow's charts then compare them as bars, not as lines over the last epoch
                metrics += _finite(event.metrics, event.time_ms, 0)
                tags |= event.tags | {"status": event.status.value}
        if not run.run_id:
            raise TrackingError(
                f"The journal in {run.folder} does not begin with the start of a run."
            )
        interrupted = last and ended is None and not run.complete
        if interrupted:
            tags["status"] = Status.FAILED.value
        self.log_batch(run.run_id, metrics, params, tags)
        if ended:
            self._finish(run, ended)
        elif interrupted:  # its process died or was stopped
            self._store.client.set_terminated(run.run_id, "KILLED", run.last_time)
            self._complete(run)

    def log_batch(
        self,
        run_id: str,
        metrics: list[Metric],
        params: Mapping[str, str],
        tags: Mapping[str, str],
    ) -> None:
        """Metrics, params and tags of one run, at once."""
        for name in (*(name for name, *_ in metrics), *params, *tags):
            _check_name(name)
        params = {name: _cut(value, PARAM_LENGTH) for name, value in params.items()}
        tags = {name: _cut(value, TAG_LENGTH) for name, value in tags.items()}
        if self._batch:
            self._batch.log(run_id, metrics, params, tags)
        else:
            self._log_through_client(run_id, metrics, params, tags)

    def _log_through_client(
        self,
        run_id: str,
        metrics: list[Metric],
        params: Mapping[str, str],
        tags: Mapping[str, str],
    ) -> None:
        from mlflow import entities

        self._store.client.log_batch(
            run_id,
            [entities.Metric(*metric) for metric in metrics],
            [entities.Param(*param) for param in params.items()],
            [entities.RunTag(*tag) for tag in tags.items()],
        )

    def _start(self, run: Run, event: RunStarted) -> None:
        receipt = journal.read_receipt(run.folder)
        store = public(self._store.uri)
        info = None
        if receipt.get("store") == store:  # a replay: an earlier writer got so far
            info = self._existing(str(receipt.get("run_id")))
            run.complete = info is not None and receipt.get("complete") is True
        if info is None:
            info = self._store.client.create_run(
                self.experiment(event.experiment), event.time_ms, run_name=event.name
            ).info
        run.run_id, run.artifact_uri = info.run_id, info.artifact_uri
        journal.write_receipt(run.folder, store, run.run_id, complete=run.complete)

    def _existing(self, run_id: str) -> Any:
        """What the store knows of a run; None if it was deleted there."""
        from mlflow.exceptions import MlflowException

        try:
            info = self._store.client.get_run(run_id).info
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise
            return None
        return info if info.lifecycle_stage == "active" else None

    def _finish(self, run: Run, event: RunEnded) -> None:
        try:
            self._log_artifacts(run, event)
        finally:  # without its artifacts the run is over all the same
            self._store.client.set_terminated(run.run_id, STATUS[event.status], event.time_ms)
        self._complete(run)

    def _log_artifacts(self, run: Run, event: RunEnded) -> None:
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        # Not client.log_artifact: it asks for the run each time
        repository: Any = get_artifact_repository(run.artifact_uri, tracking_uri=self._store.uri)
        artifacts = [_inside(run.folder, artifact) for artifact in event.artifacts]
        if event.curves:
            picture = _inside(run.folder, event.curves.name)
            found = tuple((label, str(_inside(run.folder, p))) for label, p in event.curves.runs)
            draw_curves(replace(event.curves, runs=found), picture)
            artifacts.append(picture)
        for artifact in artifacts:
            if artifact.is_dir():
                repository.log_artifacts(str(artifact), artifact.name)
            else:
                repository.log_artifact(str(artifact))
        if event.log_model:
            from harness.tracking.model import log_model

            log_model(self._store.uri, run.run_id, run.folder)

    def _complete(self, run: Run) -> None:
        run.complete = True
        journal.write_receipt(run.folder, public(self._store.uri), run.run_id, complete=True)


def _inside(folder: Path, name: str) -> Path:
    """A path in a run's folder. A journal may come from elsewhere, and must not name other files."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise TrackingError(f"The journal in {folder} names a file outside that folder: {name!r}.")
    return path


def _finite(values: Mapping[str, float], time_ms: int, step: int) -> Iterable[Metric]:
    """MLflow stores infinity as 1.8e308, which no chart survives; the status tells of it."""
    return [(name, value, time_ms, step) for name, value in values.items() if math.isfinite(value)]


@cache
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
