"""Opens a store for writing, which creates or migrates a database. Imports MLflow."""

from __future__ import annotations

import gc
import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import TrackingError
from harness.tracking.store import (
    SQLITE,
    artifact_location,
    check_reachable,
    database,
    settle_environment,
)

__all__ = ["BUSY_TIMEOUT", "Store", "prepare", "relax_syncing"]

LOCK_TIMEOUT = 120.0  # seconds; creating and migrating a database takes 2 to 10
BUSY_TIMEOUT = 20.0  # seconds that SQLite waits for another writer; MLflow's own figure


@dataclass(frozen=True)
class Store:
    """A store that is ready to be written to. client: mlflow.MlflowClient."""

    uri: str
    client: Any

    def experiment(self, name: str) -> str:
        """The id of an experiment, created if need be; several processes may do so at once."""
        from mlflow.exceptions import MlflowException

        found = self.client.get_experiment_by_name(name)
        if found is None:
            try:
                return str(self.client.create_experiment(name, artifact_location(self.uri)))
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
                found = self.client.get_experiment_by_name(name)
        if found.lifecycle_stage != "active":
            raise TrackingError(
                f"The MLflow experiment {name!r} was deleted. Take another name "
                f"(tracking.experiment=...) or restore it: mlflow experiments restore "
                f"--experiment-id {found.experiment_id}"
            )
        return str(found.experiment_id)


def prepare(uri: str) -> Store:
    """Opens a resolved store; creates or migrates a database once, whoever comes first."""
    settle_environment()
    check_reachable(uri)  # MLflow itself would try a broken file for 100 s
    path = database(uri)
    if path:
        from filelock import FileLock

        with FileLock(f"{path}.lock", timeout=LOCK_TIMEOUT):
            _prepare_database(uri, path)
    return Store(uri, _client(uri))


def _client(uri: str) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(uri)


def _prepare_database(uri: str, path: Path) -> None:
    import sqlalchemy

    if not path.exists() or path.stat().st_size == 0:
        _create(path)
    else:
        _migrate(uri, path)
    sqlalchemy.event.listen(sqlalchemy.Engine, "connect", relax_syncing)


def _create(path: Path) -> None:
    """Creates the database beside its place and moves it there: a half-made one is never seen."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    _upgrade(f"{SQLITE}{unfinished}")
    gc.collect()  # MLflow leaves its engine, and so a connection, to the garbage collector
    with closing(sqlite3.connect(unfinished)) as connection:
        # A write-ahead log: the dashboard reads while runs are written; a commit costs no fsync.
        connection.execute("PRAGMA journal_mode = WAL")
    unfinished.replace(path)


def relax_syncing(connection: Any, _: object) -> None:
    """With a write-ahead log, NORMAL survives a crash of any program (FULL: of the power, too)."""
    if isinstance(connection, sqlite3.Connection):
        mode = connection.execute("PRAGMA journal_mode").fetchone()
        if mode == ("wal",):
            connection.execute("PRAGMA synchronous = NORMAL")


def _migrate(uri: str, path: Path) -> None:
    """Brings a database of an older MLflow up to date, and keeps a copy as it was."""
    import mlflow
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    revisions = ScriptDirectory(str(Path(mlflow.__file__).parent / "store" / "db_migrations"))
    revision = _revision(path)
    if revision == revisions.get_current_head():
        return
    try:
        revisions.get_revision(revision)
    except CommandError as error:
        raise TrackingError(
            f"The MLflow store {path} was written by a newer version of MLflow than the installed "
            f"{mlflow.__version__}. Update it: pip install --upgrade mlflow"
        ) from error
    copy = path.with_name(f"{path.stem}.before-mlflow-{mlflow.__version__}{path.suffix}")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    _upgrade(uri)


def _revision(path: Path) -> str:
    """The revision of MLflow's schema that a database has."""
    with closing(sqlite3.connect(path)) as connection:
        try:
            return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])
        except (sqlite3.OperationalError, TypeError) as error:
            raise TrackingError(
                f"{path} is a SQLite database of something else than MLflow. Give another file: "
                f"tracking.uri=sqlite:////path/to/mlflow.db"
            ) from error


def _upgrade(uri: str) -> None:
    """The command `mlflow db upgrade`: creates the tables, or brings them to MLflow's version."""
    from mlflow.db import upgrade

    upgrade.main([uri], standalone_mode=False)
