"""Adds to runs that are over: what was found out about them later."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import TrackingError
from harness.tracking.address import resolve_uri, sqlite_path, without_secrets
from harness.tracking.events import now_ms
from harness.tracking.store import MlflowStore, open_store
from harness.tracking.writing import artifacts
from harness.tracking.writing.log_batch import JournalCursor, LogBatch
from harness.tracking.writing.sqlite_tables import SqliteTables

__all__ = ["RunUpdate", "add_artifacts", "create_finished_run", "delete_artifacts", "update_runs"]

THREADS = 4  # runs written at a time through a client


@dataclass(frozen=True)
class RunUpdate:
    """What is added to a run. A tag, or a metric, that is there already takes the new value."""

    run_id: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


def update_runs(uri: str, additions: Sequence[RunUpdate]) -> None:
    """Writes them: into a SQLite store in one transaction. Infinite and undefined values are left out.

    Raises TrackingError if the store cannot be written.
    """
    store = open_store(resolve_uri(uri, Path.cwd()))
    path = sqlite_path(store.uri)
    try:
        if path and SqliteTables.fits(path):
            with closing(SqliteTables(path)) as batch:
                batch.write([_entry(one) for one in additions], [])
            return
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(lambda one: _log(store, one), additions))
    except Exception as error:
        raise _trouble(store, error) from error


def add_artifacts(uri: str, run_id: str, paths: Sequence[Path]) -> None:
    """Copies files and folders to a run's artifacts. Raises TrackingError where that fails."""
    store = open_store(resolve_uri(uri, Path.cwd()))
    try:
        artifacts.log_artifacts(list(paths), _artifact_uri(store, run_id), store.uri)
    except Exception as error:
        raise _trouble(store, error) from error


def delete_artifacts(uri: str, run_id: str, names: Sequence[str]) -> None:
    """Deletes files by their paths among a run's artifacts. Raises TrackingError where that fails."""
    if not names:
        return
    store = open_store(resolve_uri(uri, Path.cwd()))
    try:
        artifacts.delete_artifacts(names, _artifact_uri(store, run_id), store.uri)
    except Exception as error:
        raise _trouble(store, error) from error


def create_finished_run(uri: str, experiment: str, name: str, tags: Mapping[str, str]) -> str:
    """A run that is over at once, to add to: its id. Raises TrackingError where that fails."""
    store = open_store(resolve_uri(uri, Path.cwd()))
    try:
        run = store.client.create_run(store.experiment(experiment), tags=dict(tags), run_name=name)
        store.client.set_terminated(run.info.run_id)
    except Exception as error:
        raise _trouble(store, error) from error
    return str(run.info.run_id)


def _artifact_uri(store: MlflowStore, run_id: str) -> str:
    path = sqlite_path(store.uri)
    if path and SqliteTables.fits(path):
        with closing(SqliteTables(path)) as batch:
            found = batch.find(run_id)
        if found:
            return found[0]
    return str(store.client.get_run(run_id).info.artifact_uri)


def _entry(addition: RunUpdate) -> LogBatch:
    run = JournalCursor(Path())
    run.run_id = addition.run_id
    return LogBatch(run, metrics=[*_metrics(addition)], tags=dict(addition.tags))


def _metrics(addition: RunUpdate) -> Iterator[tuple[str, float, int, int]]:
    time_ms = now_ms()
    for name, value in addition.metrics.items():
        if math.isfinite(value):
            yield name, float(value), time_ms, 0


def _log(store: MlflowStore, addition: RunUpdate) -> None:
    from mlflow.entities import Metric, RunTag

    metrics: list[Any] = [Metric(*one) for one in _metrics(addition)]
    tags = [RunTag(*item) for item in addition.tags.items()]
    store.client.log_batch(addition.run_id, metrics=metrics, tags=tags)


def _trouble(store: MlflowStore, error: Exception) -> TrackingError:
    if isinstance(error, TrackingError):
        return error
    reason = getattr(error, "message", "") or f"{type(error).__name__}: {error}"
    return TrackingError(
        f"The MLflow store {without_secrets(store.uri)} could not be written: {reason}"
    )
