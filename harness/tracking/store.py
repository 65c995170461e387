"""Opens a store for writing, which creates or migrates a database.

MLflow takes 2 s to import: it is left alone until something is asked of it that needs it.
"""

from __future__ import annotations

import gc
import os
import re
import shutil
import sqlite3
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness.errors import TrackingError
from harness.tracking.address import (
    POSTGRES,
    SQLITE,
    artifact_location,
    sqlite_path,
    without_secrets,
)
from harness.tracking.mlflow_defaults import set_mlflow_defaults
from harness.tracking.reachable import check_reachable

__all__ = [
    "BUSY_TIMEOUT",
    "MlflowStore",
    "exclusive_lock",
    "newest_revision",
    "open_store",
    "relax_syncing",
]

LOCK_TIMEOUT = 120.0  # seconds; creating and migrating a database takes 2 to 10
BUSY_TIMEOUT = 20.0  # seconds that SQLite waits for another writer; MLflow's own figure


@dataclass(frozen=True)
class MlflowStore:
    """A store that is ready to be written to."""

    uri: str

    @cached_property
    def client(self) -> Any:
        """mlflow.MlflowClient of this store."""
        import sqlalchemy
        from mlflow import MlflowClient

        if not sqlalchemy.event.contains(sqlalchemy.Engine, "connect", relax_syncing):
            sqlalchemy.event.listen(sqlalchemy.Engine, "connect", relax_syncing)
        return MlflowClient(self.uri)

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


def open_store(uri: str) -> MlflowStore:
    """Opens a resolved store; creates or migrates a database once, whoever comes first."""
    set_mlflow_defaults()
    check_reachable(uri)  # MLflow itself would try a broken store for 100 s
    store = MlflowStore(uri)
    path = sqlite_path(uri)
    if path:
        _prepare_file(uri, path)
    elif uri.startswith(POSTGRES):
        _prepare_postgres(store)
    return store


def _prepare_file(uri: str, path: Path) -> None:
    if _has_content(path) and _revision(path) == newest_revision():
        return
    with exclusive_lock(path):
        if not _has_content(path):
            _create(path)
        elif _is_older(_revision(path), str(path)):
            copy = path.with_name(f"{path.stem}.before-mlflow-{version('mlflow')}{path.suffix}")
            with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
                source.backup(target)
            _upgrade(uri)


def exclusive_lock(path: Path) -> AbstractContextManager[object]:
    """A lock that one process can hold at a time, for what is done once to a SQLite store."""
    from filelock import FileLock

    return FileLock(f"{path}.lock", timeout=LOCK_TIMEOUT)


def _has_content(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def _prepare_postgres(store: MlflowStore) -> None:
    """The same for Postgres, whose migrations are each whole or not at all: no copy is kept."""
    from harness.tracking import postgres

    with postgres.exclusive_lock(store.uri, LOCK_TIMEOUT) as connection:
        revision = postgres.revision(connection)
        if revision is None or _is_older(revision, without_secrets(store.uri)):
            _upgrade(store.uri)
        store.client.search_experiments(max_results=1)  # its first use makes the default experiment


def _create(path: Path) -> None:
    """Creates the database beside its place and moves it there: a half-made one is never seen."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    if not _from_cache(unfinished):
        _upgrade(f"{SQLITE}{unfinished}")
        gc.collect()  # MLflow leaves its engine, and so a connection, to the garbage collector
        _into_cache(unfinished)
    with closing(sqlite3.connect(unfinished)) as connection:
        # A write-ahead log: the dashboard reads while runs are written; a commit costs no fsync.
        connection.execute("PRAGMA journal_mode = WAL")
    unfinished.replace(path)


def _cached() -> Path:
    """An empty store of the installed MLflow, which takes three seconds to make, kept for the next."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "harness" / f"mlflow-{version('mlflow')}.db"


def _from_cache(path: Path) -> bool:
    """Puts a copy of the kept store at `path`; False if there is none that is as it should be."""
    try:
        shutil.copyfile(_cached(), path)
        fits = _revision(path) == newest_revision()
    except (OSError, RuntimeError, TrackingError, sqlite3.Error):  # RuntimeError: there is no home
        fits = False
    if not fits:
        path.unlink(missing_ok=True)
    return fits


def _into_cache(path: Path) -> None:
    with suppress(OSError, RuntimeError):
        kept = _cached()
        kept.parent.mkdir(parents=True, exist_ok=True)
        unfinished = kept.with_name(f".{kept.name}.{os.getpid()}")
        shutil.copyfile(path, unfinished)
        unfinished.replace(kept)


def relax_syncing(connection: Any, _: object) -> None:
    """With a write-ahead log, NORMAL survives a crash of any program (FULL: of the power, too)."""
    if isinstance(connection, sqlite3.Connection):
        mode = connection.execute("PRAGMA journal_mode").fetchone()
        if mode == ("wal",):
            connection.execute("PRAGMA synchronous = NORMAL")


def newest_revision() -> str | None:
    """The revision of the schema of the installed MLflow, read from its files; None if unclear."""
    found = find_spec("mlflow")
    folders = found.submodule_search_locations if found else None
    if not folders:
        return None
    known, followed = set(), set()
    for file in Path(folders[0], "store", "db_migrations", "versions").glob("*.py"):
        text = file.read_text(encoding="utf-8")
        known |= set(re.findall(r'^revision = "(\w+)"', text, re.MULTILINE))
        followed |= set(re.findall(r'^down_revision = "(\w+)"', text, re.MULTILINE))
    heads = known - followed
    return heads.pop() if len(heads) == 1 else None


def _is_older(revision: str, name: str) -> bool:
    """Whether a schema needs MLflow's migrations. Raises TrackingError if it is of a newer MLflow."""
    if revision == newest_revision():
        return False
    import mlflow
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    revisions = ScriptDirectory(str(Path(mlflow.__file__).parent / "store" / "db_migrations"))
    if revision == revisions.get_current_head():
        return False
    try:
        revisions.get_revision(revision)
    except CommandError as error:
        raise TrackingError(
            f"The MLflow store {name} was written by a newer version of MLflow than the installed "
            f"{mlflow.__version__}. Update it: pip install --upgrade mlflow"
        ) from error
    return True


def _revision(path: Path) -> str:
    """The revision of MLflow's schema that a database has."""
    with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT)) as connection:
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
