"""MLflow's SQLite tables, written directly: what many runs have gained, in one transaction.

MLflow's client takes 35 ms for a short run (250 metrics, 60 params, 30 tags), nearly all of it in the
object-relational mapper, and 2 s to import; this takes 2 ms. It writes the five tables that MLflow has
had in this shape since 2022 if they have exactly that shape, and the table of experiments if it has
today's shape; everything else goes through the client. It leaves the rows that the client would leave:
a test compares them.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from harness.errors import TrackingError
from harness.tracking.sqlite import BUSY_TIMEOUT, relax_syncing
from harness.tracking.writing.log_batch import LogBatch, MetricRow

__all__ = ["SqliteTables"]

CACHE = 32 * 2**10  # KiB of pages in memory: the indexes of some thousand runs

TABLES = {  # table -> (column, position in the primary key)
    "runs": {
        ("run_uuid", 1),
        ("name", 0),
        ("source_type", 0),
        ("source_name", 0),
        ("entry_point_name", 0),
        ("user_id", 0),
        ("status", 0),
        ("start_time", 0),
        ("end_time", 0),
        ("source_version", 0),
        ("lifecycle_stage", 0),
        ("artifact_uri", 0),
        ("experiment_id", 0),
        ("deleted_time", 0),
    },
    "metrics": {
        ("key", 1),
        ("value", 5),
        ("timestamp", 2),
        ("run_uuid", 4),
        ("step", 3),
        ("is_nan", 6),
    },
    "latest_metrics": {
        ("key", 1),
        ("value", 0),
        ("timestamp", 0),
        ("step", 0),
        ("is_nan", 0),
        ("run_uuid", 2),
    },
    "params": {("key", 1), ("value", 0), ("run_uuid", 2)},
    "tags": {("key", 1), ("value", 0), ("run_uuid", 2)},
}

EXPERIMENTS = {
    "experiment_id",
    "name",
    "artifact_location",
    "lifecycle_stage",
    "creation_time",
    "last_update_time",
    "workspace",
}
LONGEST = 256  # characters of an experiment's name and location
DEFAULT = "Default"  # the experiment that MLflow makes in an empty store, with number 0

CREATE_EXPERIMENT = (
    "INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage, "
    "creation_time, last_update_time, workspace) VALUES (?, ?, ?, 'active', ?, ?, 'default')"
)
CREATE_RUN = (
    "INSERT INTO runs (run_uuid, experiment_id, name, artifact_uri, start_time, user_id, status, "
    "source_type, source_name, entry_point_name, source_version, lifecycle_stage) "
    "VALUES (?, ?, ?, ?, ?, ?, 'RUNNING', 'UNKNOWN', '', '', '', 'active')"
)
METRICS = (
    "INSERT OR IGNORE INTO metrics (key, value, timestamp, run_uuid, step, is_nan) "
    "VALUES (?, ?, ?, ?, ?, 0)"
)
LATEST = (
    "INSERT INTO latest_metrics (key, value, timestamp, run_uuid, step, is_nan) "
    "VALUES (?, ?, ?, ?, ?, 0) ON CONFLICT (key, run_uuid) DO UPDATE SET "
    "value = excluded.value, timestamp = excluded.timestamp, step = excluded.step, is_nan = 0 "
    "WHERE (excluded.step, excluded.timestamp, excluded.value) "
    "> (latest_metrics.step, latest_metrics.timestamp, latest_metrics.value)"
)
PARAMS = "INSERT OR IGNORE INTO params (key, value, run_uuid) VALUES (?, ?, ?)"
TAGS = (
    "INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?) "
    "ON CONFLICT (key, run_uuid) DO UPDATE SET value = excluded.value"
)
END_RUN = "UPDATE runs SET status = ?, end_time = ? WHERE run_uuid = ?"


class SqliteTables:
    """A connection to the tables of a SQLite store."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None)
        self._connection.execute("PRAGMA foreign_keys = ON")
        self._connection.execute(f"PRAGMA cache_size = -{CACHE}")
        relax_syncing(self._connection, None)

    def close(self) -> None:
        """Ends the connection. The last one of all moves the write-ahead log into the database."""
        self._connection.close()

    @classmethod
    def fits(cls, path: Path) -> bool:
        """Whether the tables of a store have the shape that is known here."""
        with closing(sqlite3.connect(path)) as connection:
            return all(
                {(row[1], row[5]) for row in connection.execute(f"PRAGMA table_info({table})")}
                == columns
                for table, columns in TABLES.items()
            )

    def find_experiments(self, name: str) -> list[tuple[int, str, str]]:
        """(id, artifact location, lifecycle stage) of the experiments of that name."""
        return self._connection.execute(
            "SELECT experiment_id, artifact_location, lifecycle_stage FROM experiments "
            "WHERE name = ?",
            (name,),
        ).fetchall()

    def can_create_experiment(self, name: str, location: str) -> bool:
        """Whether an experiment can be created here as MLflow's client would create it."""
        columns = {row[1] for row in self._connection.execute("PRAGMA table_info(experiments)")}
        return columns == EXPERIMENTS and max(len(name), len(location)) <= LONGEST

    def create_experiment(self, name: str, location: str) -> None:
        """Creates an experiment unless it is there; before it MLflow's default one, if there is none."""
        now = time.time_ns() // 1_000_000
        with self._transaction() as connection:
            (count,) = connection.execute("SELECT count(*) FROM experiments").fetchone()
            if count == 0:
                connection.execute(CREATE_EXPERIMENT, (0, DEFAULT, f"{location}/0", now, now))
            if not self.find_experiments(name):
                connection.execute(CREATE_EXPERIMENT, (None, name, location, now, now))

    def find_run(self, run_id: str) -> tuple[str, str] | None:
        """(artifact address, lifecycle stage) of a run; None if there is none."""
        return self._connection.execute(
            "SELECT artifact_uri, lifecycle_stage FROM runs WHERE run_uuid = ?", (run_id,)
        ).fetchone()

    def write(self, batches: Sequence[LogBatch], created: Sequence[tuple[LogBatch, int]]) -> None:
        """Adds to runs, all or nothing. Metrics and params that are there stay; tags take new values.

        Args:
            batches: Batches of different runs.
            created: Batches whose run is not in the store yet, each with the id of its experiment.
        """
        with self._transaction() as connection:
            connection.executemany(CREATE_RUN, (_run_row(*item) for item in created))
            connection.executemany(
                TAGS, [("mlflow.runName", batch.name, batch.run.run_id) for batch, _ in created]
            )
            connection.executemany(
                METRICS, (row for batch in batches for row in _metric_rows(batch, batch.metrics))
            )
            connection.executemany(
                LATEST,
                (row for batch in batches for row in _metric_rows(batch, _latest(batch.metrics))),
            )
            connection.executemany(
                PARAMS, ((*item, b.run.run_id) for b in batches for item in b.params.items())
            )
            connection.executemany(
                TAGS, ((*item, b.run.run_id) for b in batches for item in b.tags.items())
            )

    def end_runs(self, batches: Sequence[LogBatch]) -> None:
        """Ends runs with the status of their last batch."""
        with self._transaction() as connection:
            for batch in batches:
                row = (batch.status, batch.run.last_time, batch.run.run_id)
                if connection.execute(END_RUN, row).rowcount != 1:
                    raise TrackingError(f"The MLflow run {batch.run.run_id} is not there any more.")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._connection.execute("BEGIN IMMEDIATE")  # waits for its turn; DEFERRED may fail
        try:
            yield self._connection
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # a full disk has already undone it
                self._connection.execute("ROLLBACK")
            raise


def _run_row(batch: LogBatch, experiment: int) -> tuple[object, ...]:
    run, started = batch.run, batch.started
    assert started is not None
    user = started.tags.get("mlflow.user", "unknown")  # as in MLflow's client
    return (run.run_id, experiment, batch.name, run.artifact_uri, started.time_ms, user)


def _metric_rows(
    batch: LogBatch, metrics: Iterable[MetricRow]
) -> Iterator[tuple[str, float, int, str, int]]:
    run_id = batch.run.run_id
    return ((name, value, time_ms, run_id, step) for name, value, time_ms, step in metrics)


def _latest(metrics: Iterable[MetricRow]) -> Iterable[MetricRow]:
    """For each name the row with the greatest (step, time, value)."""
    latest: dict[str, MetricRow] = {}
    for metric in metrics:
        name, value, time_ms, step = metric
        former = latest.get(name)
        if former is None or (step, time_ms, value) > (former[3], former[2], former[1]):
            latest[name] = metric
    return latest.values()
