"""The check before any training, in seconds: whether the MLflow store can be written."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from harness.errors import TrackingError
from harness.tracking.address import POSTGRES, sqlite_path, without_secrets

__all__ = ["check_reachable"]

HEALTH_TIMEOUT = 5.0  # seconds


def check_reachable(uri: str) -> None:
    """Raises TrackingError if a resolved store cannot be written. Creates a SQLite file's folder."""
    path = sqlite_path(uri)
    if path:
        _check_file(path)
    elif uri.startswith(POSTGRES):
        from harness.tracking import postgres

        postgres.check(uri)
    else:
        _check_server(uri)


def _check_file(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrackingError(
            f"The folder of the MLflow store, {path.parent}, cannot be created ({error.strerror}). "
            f"Give another one: tracking.uri=sqlite:////path/to/mlflow.db"
        ) from error
    if not os.access(path.parent, os.W_OK | os.X_OK) or (
        path.exists() and not os.access(path, os.R_OK | os.W_OK)
    ):
        raise TrackingError(
            f"The MLflow store {path} cannot be written. Change its permissions, or give another "
            f"one: tracking.uri=sqlite:////path/to/mlflow.db"
        )
    try:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master")
    except sqlite3.Error as error:
        raise TrackingError(
            f"{path} is not a SQLite database that can be used as the MLflow store ({error}). Move it "
            f"away, or give another file: tracking.uri=sqlite:////path/to/mlflow.db"
        ) from error


def _check_server(uri: str) -> None:
    import urllib.error  # 30 ms, needed for servers alone
    import urllib.request

    host = without_secrets(uri)
    try:
        with urllib.request.urlopen(f"{host}/health", timeout=HEALTH_TIMEOUT):
            return
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):  # the server is up; MLflow's client brings the credentials
            return
        reason = f"it answered {error.code} to {host}/health"
    except (OSError, ValueError) as error:  # URLError is an OSError
        reason = str(getattr(error, "reason", error))
    raise TrackingError(
        f"The MLflow server {host} cannot be reached ({reason}). Start it, correct 'tracking.uri', "
        f"or log to a file: tracking.uri=sqlite:///outputs/mlflow.db"
    )
