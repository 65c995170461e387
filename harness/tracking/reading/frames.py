"""Runs as pandas frames, one row a run: what a comparison reads. Reads only.

A SQLite store is read without MLflow, whose client takes ten times as long; others through the client.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import TrackingError
from harness.tracking.address import resolve_uri, sqlite_path
from harness.tracking.store import BUSY_TIMEOUT

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["RunFrames", "metric_history", "read_frames", "search_run_ids"]

CHUNK = 1000  # runs a request of the client


@dataclass(frozen=True)
class RunFrames:
    """Runs of a store; the frames share their index, the run ids.

    params, tags: text, NaN where a run has none of that name. metrics: the last values.
    """

    params: DataFrame
    tags: DataFrame
    metrics: DataFrame


def read_frames(
    uri: str, experiment: str, run_ids: Sequence[str], metrics: Collection[str] | None
) -> RunFrames:
    """Params, tags and these metrics of runs of an experiment, in the order of `run_ids`.

    uri: as in `address.resolve_uri`. Raises TrackingError if the store cannot be read.
    """
    resolved = resolve_uri(uri, Path.cwd())
    path = sqlite_path(resolved)
    if path is None:
        return _from_client(resolved, experiment, run_ids, metrics)
    with _chosen(path, run_ids) as connection:
        return RunFrames(
            _texts(connection, "params", run_ids),
            _texts(connection, "tags", run_ids),
            _wide(
                connection.execute(
                    "SELECT run_uuid, key, CASE WHEN is_nan THEN NULL ELSE value END "
                    f"FROM latest_metrics{AMONG}{_of(metrics)}",
                    tuple(metrics or ()),
                ),
                run_ids,
            ),
        )


def metric_history(
    uri: str, run_ids: Sequence[str], metric: str, step: int | None = None
) -> DataFrame:
    """All finite values of a metric, or those of one step: run_id, step, value; by run and step."""
    from pandas import DataFrame

    resolved = resolve_uri(uri, Path.cwd())
    path = sqlite_path(resolved)
    if path is None:
        client = _client(resolved)
        rows = [
            (run_id, one.step, one.value)
            for run_id in run_ids
            for one in client.get_metric_history(run_id, metric)
            if step is None or one.step == step
        ]
    else:
        with _chosen(path, run_ids) as connection:
            rows = connection.execute(
                # The primary key of the table starts with `key` and holds all of this. Without the
                # plus sign SQLite would rather look up each run in another index
                "SELECT run_uuid, step, value FROM metrics WHERE key = ?1 AND NOT is_nan "
                "AND (?2 IS NULL OR step = ?2) AND +run_uuid IN (SELECT run_uuid FROM chosen)",
                (metric, step),
            ).fetchall()
    found = DataFrame(rows, columns=["run_id", "step", "value"])
    return found.sort_values(["run_id", "step"], kind="stable", ignore_index=True)


def search_run_ids(uri: str, experiment: str, condition: str) -> list[str]:
    """The ids of the runs of an experiment that MLflow's own filter finds; imports MLflow.

    Raises TrackingError for a filter that MLflow does not understand.
    """
    client = _client(resolve_uri(uri, Path.cwd()))
    return [run.info.run_id for run in _search(client, experiment, condition)]


AMONG = " WHERE run_uuid IN (SELECT run_uuid FROM chosen)"


@contextmanager
def _chosen(path: Path, run_ids: Sequence[str]) -> Iterator[sqlite3.Connection]:
    """The database, with a temporary table of these runs."""
    try:
        with closing(
            sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=BUSY_TIMEOUT)
        ) as connection:
            connection.execute("CREATE TEMP TABLE chosen (run_uuid TEXT PRIMARY KEY)")
            connection.executemany(
                "INSERT OR IGNORE INTO chosen VALUES (?)", ((i,) for i in run_ids)
            )
            yield connection
    except sqlite3.Error as error:
        raise TrackingError(f"The MLflow store {path} cannot be read: {error}.") from error


def _texts(connection: sqlite3.Connection, table: str, run_ids: Sequence[str]) -> DataFrame:
    """Params or tags. Most have one value in all runs, which need not be fetched run by run."""
    counted = connection.execute(
        f"SELECT key, min(value), max(value), count(*) FROM {table}{AMONG} GROUP BY key"
    ).fetchall()
    shared = {key: low for key, low, high, n in counted if low == high and n == len(run_ids)}
    others = [key for key, *_ in counted if key not in shared]
    query = f"SELECT run_uuid, key, value FROM {table}{AMONG}{_of(others)}"
    wide = _wide(connection.execute(query, others), run_ids)
    return wide.assign(**shared)[[key for key, *_ in counted]]


def _of(keys: Collection[str] | None) -> str:
    return "" if keys is None else f" AND key IN ({', '.join('?' * len(keys))})"


def _wide(rows: Any, run_ids: Sequence[str]) -> DataFrame:
    """From (run_id, key, value) to a row a run and a column a key."""
    from pandas import DataFrame

    frame = DataFrame(list(rows), columns=["run_id", "key", "value"])
    wide = frame.pivot(index="run_id", columns="key", values="value")
    return _named(wide.reindex(list(run_ids)))


def _named(frame: DataFrame) -> DataFrame:
    frame.columns.name = None
    frame.index.name = "run_id"
    return frame


def _from_client(
    uri: str, experiment: str, run_ids: Sequence[str], metrics: Collection[str] | None
) -> RunFrames:
    from pandas import DataFrame

    found = {run.info.run_id: run.data for run in _search(_client(uri), experiment, "")}
    data = {run_id: found[run_id] for run_id in run_ids}
    last = {
        run_id: {k: v for k, v in one.metrics.items() if metrics is None or k in metrics}
        for run_id, one in data.items()
    }
    parts = ({i: d.params for i, d in data.items()}, {i: d.tags for i, d in data.items()}, last)
    return RunFrames(
        *(_named(DataFrame.from_dict(p, orient="index").reindex(list(run_ids))) for p in parts)
    )


def _search(client: Any, experiment: str, condition: str) -> Iterator[Any]:
    """The runs of an experiment, page by page."""
    from mlflow.exceptions import MlflowException

    known = client.get_experiment_by_name(experiment)
    token = None
    while known is not None and (token is None or token):
        try:
            page = client.search_runs(
                [known.experiment_id], condition, max_results=CHUNK, page_token=token or None
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
