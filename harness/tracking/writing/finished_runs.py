"""Adds values and artifacts to finished runs of a store, as they become known after the training."""

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
from harness.tracking.writing.log_batch import JournalCursor, LogBatch, MetricRow
from harness.tracking.writing.sqlite_tables import SqliteTables

__all__ = ["RunUpdate", "add_artifacts", "create_finished_run", "delete_artifacts", "update_runs"]

THREADS = 4  # runs written at a time through a client


@dataclass(frozen=True)
class RunUpdate:
    """Values for a run. A tag or metric that it already has takes the new value.

    Attributes:
        run_id: Id of the run in MLflow.
        metrics: Metrics, value by name; those that are not finite are left out.
        tags: Tags, value by name.
    """

    run_id: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


def update_runs(uri: str, updates: Sequence[RunUpdate]) -> None:
    """Writes updates; into a SQLite store in one transaction.

    Raises TrackingError if the store cannot be written.
    """
    store = open_store(resolve_uri(uri, Path.cwd()))
    path = sqlite_path(store.uri)
    try:
        if path and SqliteTables.fits(path):
            with closing(SqliteTables(path)) as tables:
                tables.write([_batch(update) for update in updates], [])
            return
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(lambda update: _log_through_client(store, update), updates))
    except Exception as error:
        raise _tracking_error(store, error) from error


def add_artifacts(uri: str, run_id: str, paths: Sequence[Path]) -> None:
    """Copies files and folders to a run's artifacts. Raises TrackingError if that fails."""
    store = open_store(resolve_uri(uri, Path.cwd()))
    try:
        artifacts.log_artifacts(paths, _artifact_uri(store, run_id), store.uri)
    except Exception as error:
        raise _tracking_error(store, error) from error


def delete_artifacts(uri: str, run_id: str, names: Sequence[str]) -> None:
    """Deletes files by their paths among a run's artifacts. Raises TrackingError if that fails."""
    if not names:
        return
    store = open_store(resolve_uri(uri, Path.cwd()))
    try:
        artifacts.delete_artifacts(names, _artifact_uri(store, run_id), store.uri)
    except Exception as error:
        raise _tracking_error(store, error) from error


def create_finished_run(uri: str, experiment: str, name: str, tags: Mapping[str, str]) -> str:
    """Creates a run that is finished at once, to add to. Returns its id.

    Raises TrackingError if that fails.
    """
    store = open_store(resolve_uri(uri, Path.cwd()))
    try:
        run = store.client.create_run(store.experiment(experiment), tags=dict(tags), run_name=name)
        store.client.set_terminated(run.info.run_id)
    except Exception as error:
        raise _tracking_error(store, error) from error
    return str(run.info.run_id)


def _artifact_uri(store: MlflowStore, run_id: str) -> str:
    path = sqlite_path(store.uri)
    if path and SqliteTables.fits(path):
        with closing(SqliteTables(path)) as tables:
            row = tables.find_run(run_id)
        if row:
            return row[0]
    return str(store.client.get_run(run_id).info.artifact_uri)


def _batch(update: RunUpdate) -> LogBatch:
    run = JournalCursor(Path())
    run.run_id = update.run_id
    return LogBatch(run, metrics=[*_metric_rows(update)], tags=dict(update.tags))


def _metric_rows(update: RunUpdate) -> Iterator[MetricRow]:
    time_ms = now_ms()
    for name, value in update.metrics.items():
        if math.isfinite(value):
            yield name, float(value), time_ms, 0


def _log_through_client(store: MlflowStore, update: RunUpdate) -> None:
    from mlflow.entities import Metric, RunTag

    metrics: list[Any] = [Metric(*row) for row in _metric_rows(update)]
    tags = [RunTag(*tag) for tag in update.tags.items()]
    store.client.log_batch(update.run_id, metrics=metrics, tags=tags)


def _tracking_error(store: MlflowStore, error: Exception) -> TrackingError:
    if isinstance(error, TrackingError):
        return error
    reason = getattr(error, "message", "") or f"{type(error).__name__}: {error}"
    return TrackingError(
        f"The MLflow store {without_secrets(store.uri)} could not be written: {reason}"
    )
