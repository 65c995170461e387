"""Direct access to a SQLite store, beside MLflow: an empty one, its revision, a lock, a reader."""

from __future__ import annotations

import gc
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from harness.errors import TrackingError
from harness.tracking.address import SQLITE
from harness.tracking.schema import newest_revision, upgrade

__all__ = [
    "BUSY_TIMEOUT",
    "create",
    "exclusive_lock",
    "experiment_id",
    "has_content",
    "read_only",
    "relax_syncing",
    "revision",
]

LOCK_TIMEOUT = 120.0  # seconds; creating and migrating a database takes 2 to 10
BUSY_TIMEOUT = 20.0  # seconds that SQLite waits for another writer; MLflow's own figure


def has_content(path: Path) -> bool:
    """Whether the file is there and not empty."""
    return path.exists() and path.stat().st_size > 0


def revision(path: Path) -> str:
    """The revision of MLflow's schema. Raises TrackingError for a database of another program."""
    with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT)) as connection:
        try:
            return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])
        except (sqlite3.OperationalError, TypeError) as error:
            raise TrackingError(
                f"{path} is a SQLite database of something other than MLflow. Give another file: "
                f"tracking.uri=sqlite:////path/to/mlflow.db"
            ) from error


def experiment_id(path: Path, name: str) -> int | None:
    """The id of an experiment; None if there is none."""
    with closing(sqlite3.connect(path)) as connection:
        row = connection.execute(
            "SELECT experiment_id FROM experiments WHERE name = ?", (name,)
        ).fetchone()
    return row[0] if row else None


@contextmanager
def read_only(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that only reads. Turns errors of SQLite within the context into TrackingError."""
    try:
        with closing(
            sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=BUSY_TIMEOUT)
        ) as connection:
            yield connection
    except sqlite3.Error as error:
        raise TrackingError(f"The MLflow store {path} cannot be read: {error}.") from error


def exclusive_lock(path: Path) -> AbstractContextManager[object]:
    """A lock that one process can hold at a time, for work that a store needs once."""
    from filelock import FileLock

    return FileLock(f"{path}.lock", timeout=LOCK_TIMEOUT)


def relax_syncing(connection: Any, _: object) -> None:
    """Sets `synchronous` to NORMAL where there is a write-ahead log.

    A commit then survives a crash of any program; with FULL, a loss of power, too.
    """
    if isinstance(connection, sqlite3.Connection):
        mode = connection.execute("PRAGMA journal_mode").fetchone()
        if mode == ("wal",):
            connection.execute("PRAGMA synchronous = NORMAL")


def create(path: Path) -> None:
    """Creates an empty store.

    The file is made in the same folder and then renamed, so that nobody sees a half-made one.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    if not _copy_from_cache(unfinished):
        upgrade(f"{SQLITE}{unfinished}")
        gc.collect()  # MLflow leaves its engine, and so a connection, to the garbage collector
        _copy_into_cache(unfinished)
    with closing(sqlite3.connect(unfinished)) as connection:
        # A write-ahead log: the dashboard can read while runs are written; a commit costs no fsync
        connection.execute("PRAGMA journal_mode = WAL")
    unfinished.replace(path)


def _cached_store() -> Path:
    """An empty store of the installed MLflow, kept because MLflow takes three seconds to make one."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "harness" / f"mlflow-{version('mlflow')}.db"


def _copy_from_cache(path: Path) -> bool:
    """Puts a copy of the cached store at `path`; False if there is no good one."""
    try:
        shutil.copyfile(_cached_store(), path)
        fits = revision(path) == newest_revision()
    except (OSError, RuntimeError, TrackingError, sqlite3.Error):  # RuntimeError: there is no home
        fits = False
    if not fits:
        path.unlink(missing_ok=True)
    return fits


def _copy_into_cache(path: Path) -> None:
    with suppress(OSError, RuntimeError):
        cached = _cached_store()
        cached.parent.mkdir(parents=True, exist_ok=True)
        unfinished = cached.with_name(f".{cached.name}.{os.getpid()}")
        shutil.copyfile(path, unfinished)
        unfinished.replace(cached)
