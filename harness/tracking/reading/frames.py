"""Runs as pandas frames, one row a run: what a comparison reads. Reads only.

A SQLite store is read without MLflow, whose client takes ten times as long; others are read by it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import TrackingError
from harness.tracking.address import resolve_uri, sqlite_path
from harness.tracking.sqlite import read_only

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["RunFrames", "metric_history", "read_frames", "runs_with_metric", "search_run_ids"]

PAGE = 1000  # runs a request


@dataclass(frozen=True)
class RunFrames:
    """Runs of a store. The index of each frame is the run ids, in the same order.

    Attributes:
        params: Text by name; NaN where a run has none of that name.
        tags: Text by name, likewise.
        metrics: Last value by name.
    """

    params: DataFrame
    tags: DataFrame
    metrics: DataFrame


def read_frames(
    uri: str, experiment: str, run_ids: Sequence[str], metrics: Collection[str] | None
) -> RunFrames:
    """Params, tags and metrics of some runs of an experiment.

    Args:
        uri: Address of the store, as in `tracking.uri`.
        experiment: Name of the experiment.
        run_ids: Ids of the runs, in the order of the rows.
        metrics: Names of the metrics to read; None for all.

    Raises:
        TrackingError: If the store cannot be read.
    """
    resolved = resolve_uri(uri, Path.cwd())
    path = sqlite_path(resolved)
    if path is None:
        return _from_client(resolved, experiment, run_ids, metrics)
    with _chosen(path, run_ids) as connection:
        return RunFrames(
            _read_texts(connection, "params", run_ids),
            _read_texts(connection, "tags", run_ids),
            _pivot(
                connection.execute(
                    "SELECT run_uuid, key, CASE WHEN is_nan THEN NULL ELSE value END "
                    f"FROM latest_metrics{AMONG}{_key_in(metrics)}",
                    tuple(metrics or ()),
                ),
                run_ids,
            ),
        )


def metric_history(
    uri: str, run_ids: Sequence[str], metric: str, step: int | None = None
) -> DataFrame:
    """The finite values of a metric, of all steps or of one.

    Returns:
        The columns run_id, step and value, sorted by run and step.
    """
    from pandas import DataFrame

    resolved = resolve_uri(uri, Path.cwd())
    path = sqlite_path(resolved)
    if path is None:
        client = _client(resolved)
        rows = [
            (run_id, point.step, point.value)
            for run_id in run_ids
            for point in client.get_metric_history(run_id, metric)
            if step is None or point.step == step
        ]
    else:
        with _chosen(path, run_ids) as connection:
            rows = connection.execute(
                # The primary key of the table starts with `key` and holds all that is read here.
                # Without the plus sign SQLite would look up each run in another index
                "SELECT run_uuid, step, value FROM metrics WHERE key = ?1 AND NOT is_nan "
                "AND (?2 IS NULL OR step = ?2) AND +run_uuid IN (SELECT run_uuid FROM chosen)",
                (metric, step),
            ).fetchall()
    history = DataFrame(rows, columns=["run_id", "step", "value"])
    history = history.astype({"step": "int64", "value": "float64"})  # also of no rows
    return history.sort_values(["run_id", "step"], kind="stable", ignore_index=True)


def runs_with_metric(uri: str, run_ids: Sequence[str], metric: str) -> set[str]:
    """The runs among these that logged a metric at all, finite or not."""
    resolved = resolve_uri(uri, Path.cwd())
    path = sqlite_path(resolved)
    if path is None:
        client = _client(resolved)
        return {run_id for run_id in run_ids if client.get_metric_history(run_id, metric)}
    with _chosen(path, run_ids) as connection:
        query = f"SELECT run_uuid FROM latest_metrics{AMONG} AND key = ?"
        return {run_id for (run_id,) in connection.execute(query, (metric,))}


def search_run_ids(uri: str, experiment: str, condition: str) -> list[str]:
    """The ids of the runs of an experiment that meet a filter of MLflow's; imports MLflow.

    Raises TrackingError for a filter that MLflow does not understand.
    """
    client = _client(resolve_uri(uri, Path.cwd()))
    return [run.info.run_id for run in _search(client, experiment, condition)]


AMONG = " WHERE run_uuid IN (SELECT run_uuid FROM chosen)"


@contextmanager
def _chosen(path: Path, run_ids: Sequence[str]) -> Iterator[sqlite3.Connection]:
    """The database, with a temporary table `chosen` of these runs."""
    with read_only(path) as connection:
        connection.execute("CREATE TEMP TABLE chosen (run_uuid TEXT PRIMARY KEY)")
        connection.executemany(
            "INSERT OR IGNORE INTO chosen VALUES (?)", ((run_id,) for run_id in run_ids)
        )
        yield connection


def _read_texts(connection: sqlite3.Connection, table: str, run_ids: Sequence[str]) -> DataFrame:
    """Params or tags. Most have the same value in all runs, and are read once instead of by run."""
    keys = connection.execute(
        f"SELECT key, min(value), max(value), count(*) FROM {table}{AMONG} GROUP BY key"
    ).fetchall()
    shared = {key: low for key, low, high, n in keys if low == high and n == len(run_ids)}
    varying = [key for key, *_ in keys if key not in shared]
    query = f"SELECT run_uuid, key, value FROM {table}{AMONG}{_key_in(varying)}"
    frame = _pivot(connection.execute(query, varying), run_ids)
    return frame.assign(**shared)[[key for key, *_ in keys]]


def _key_in(keys: Collection[str] | None) -> str:
    return "" if keys is None else f" AND key IN ({', '.join('?' * len(keys))})"


def _pivot(rows: Any, run_ids: Sequence[str]) -> DataFrame:
    """From (run_id, key, value) to a row a run and a column a key."""
    from pandas import DataFrame

    frame = DataFrame(list(rows), columns=["run_id", "key", "value"])
    wide = frame.pivot(index="run_id", columns="key", values="value")
    return _with_index_name(wide.reindex(list(run_ids)))


def _with_index_name(frame: DataFrame) -> DataFrame:
    frame.columns.name = None
    frame.index.name = "run_id"
    return frame


def _from_client(
    uri: str, experiment: str, run_ids: Sequence[str], metrics: Collection[str] | None
) -> RunFrames:
    from pandas import DataFrame

    data_of_all = {run.info.run_id: run.data for run in _search(_client(uri), experiment, "")}
    data = {run_id: data_of_all[run_id] for run_id in run_ids}
    last_values = {
        run_id: {k: v for k, v in of_run.metrics.items() if metrics is None or k in metrics}
        for run_id, of_run in data.items()
    }
    tables = (
        {run_id: of_run.params for run_id, of_run in data.items()},
        {run_id: of_run.tags for run_id, of_run in data.items()},
        last_values,
    )
    return RunFrames(
        *(
            _with_index_name(DataFrame.from_dict(table, orient="index").reindex(list(run_ids)))
            for table in tables
        )
    )


def _search(client: Any, experiment: str, condition: str) -> Iterator[Any]:
    """The runs of an experiment, page by page."""
    from mlflow.exceptions import MlflowException

    entity = client.get_experiment_by_name(experiment)
    token = None
    while entity is not None and (token is None or token):
        try:
            page = client.search_runs(
                [entity.experiment_id], condition, max_results=PAGE, page_token=token or None
            )
        except MlflowException as error:
            raise TrackingError(
                f"MLflow does not answer for the filter {condition!r}: {error.message} An example: "
                f"\"tags.dataset = 'digits' and params.`training.batch_size` = '32'\"."
                if condition
                else f"The MLflow store cannot be read: {error.message}"
            ) from error
        yield from page
        token = page.token or ""


def _client(uri: str) -> Any:
    from harness.tracking.store import open_store

    return open_store(uri).client
