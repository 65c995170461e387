"""Where the MLflow store is: a SQLite file or a server. Imports no MLflow."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from harness.errors import TrackingError

__all__ = [
    "artifact_location",
    "check_reachable",
    "database",
    "public",
    "resolve",
    "settle_environment",
]

SQLITE = "sqlite:///"
SCHEMES = ("http://", "https://")

HEALTH_TIMEOUT = 5.0  # seconds

DEFAULTS = {  # of MLflow's environment variables, unless the user set them
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",  # about 15 s instead of 4 minutes for a dead server
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


def settle_environment() -> None:
    """Sets what MLflow reads when it is imported; call it before that."""
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)


def resolve(uri: str, folder: Path) -> str:
    """The store's address independent of the working directory.

    A relative SQLite path is taken from `folder`; the address of a server stays as it is. Raises
    TrackingError for anything else.
    """
    if uri.startswith(SCHEMES):
        return uri.rstrip("/")
    path = uri.removeprefix(SQLITE)
    if path == uri or path in ("", ":memory:"):
        raise TrackingError(
            f"'tracking.uri' must be a SQLite file, as in sqlite:///outputs/mlflow.db, or the "
            f"address of an MLflow server, as in http://localhost:5000. Got {uri!r}. For another "
            f"database start `mlflow server --backend-store-uri ...` on it and give the server's "
            f"address."
        )
    return f"{SQLITE}{os.path.abspath(folder / path)}"  # not Path.resolve(): links stay as they are


def database(uri: str) -> Path | None:
    """The file of a resolved SQLite store; None for a server.

    >>> database("sqlite:////data/mlflow.db")
    PosixPath('/data/mlflow.db')
    """
    return Path(uri.removeprefix(SQLITE)) if uri.startswith(SQLITE) else None


def artifact_location(uri: str) -> str | None:
    """Where artifacts go: `mlartifacts` beside the database; a server decides for itself (None).

    >>> artifact_location("sqlite:////data/mlflow.db")
    'file:///data/mlartifacts'
    """
    path = database(uri)
    return path.with_name("mlartifacts").as_uri() if path else None


def public(uri: str) -> str:
    """The address without user name and password, for messages and files.

    >>> public("https://ada:secret@mlflow.example.org/lab")
    'https://mlflow.example.org/lab'
    """
    if database(uri):
        return uri
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def check_reachable(uri: str) -> None:
    """Raises TrackingError if a resolved store cannot be written, in seconds and before any
    training.

    Creates the folder of a SQLite file.
    """
    path = database(uri)
    if path:
        _check_file(path)
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
    import urllib.error  # 30 ms that only a server costs
    import urllib.request

    host = public(uri)
    try:
        with urllib.request.urlopen(f"{host}/health", timeout=HEALTH_TIMEOUT):
            return
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):  # it is there; MLflow's client brings the credentials
            return
        reason = f"it answered {error.code} to {host}/health"
    except (OSError, ValueError) as error:  # URLError is an OSError
        reason = str(getattr(error, "reason", error))
    raise TrackingError(
        f"The MLflow server {host} cannot be reached ({reason}). Start it, correct 'tracking.uri', "
        f"or log to a file: tracking.uri=sqlite:///outputs/mlflow.db"
    )
