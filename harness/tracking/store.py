"""Where the MLflow store is: a SQLite file, a Postgres database or a server. Imports no MLflow."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from harness.errors import TrackingError

__all__ = [
    "POSTGRES",
    "SERVER",
    "SQLITE",
    "artifact_location",
    "check_reachable",
    "database",
    "public",
    "resolve",
    "settle_environment",
]

SQLITE = "sqlite:///"
SERVER = ("http://", "https://")
POSTGRES = "postgresql+psycopg2://"  # SQLAlchemy 2.1 takes another driver where none is named
SECRETS = {"user", "password", "sslpassword"}  # that a Postgres address may have in its query

HEALTH_TIMEOUT = 5.0  # seconds

DEFAULTS = {  # of MLflow's environment variables, unless the user set them
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",  # about 15 s instead of 4 minutes for a dead server
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # it asks a server for each run that ends
}


def settle_environment() -> None:
    """Sets what MLflow reads when it is imported; call it before that."""
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)


def resolve(uri: str, folder: Path) -> str:
    """The store's address independent of the working directory.

    A relative SQLite path is taken from `folder`; a Postgres address names its driver; the address
    of a server stays as it is. Raises TrackingError for anything else.
    """
    if uri.startswith(SERVER):
        return uri.rstrip("/")
    for scheme in (POSTGRES, "postgresql://"):
        if uri.startswith(scheme):
            return f"{POSTGRES}{uri.removeprefix(scheme)}"
    path = uri.removeprefix(SQLITE)
    if path == uri or path in ("", ":memory:"):
        raise TrackingError(
            f"'tracking.uri' must be a SQLite file, as in sqlite:///outputs/mlflow.db, the address "
            f"of an MLflow server, as in http://localhost:5000, or a Postgres database, as in "
            f"postgresql://user:password@host/database. Got {public(uri)!r}. For another database "
            f"start `mlflow server --backend-store-uri ...` on it and give the server's address."
        )
    return f"{SQLITE}{os.path.abspath(folder / path)}"  # not Path.resolve(): links stay as they are


def database(uri: str) -> Path | None:
    """The file of a resolved SQLite store; None for another.

    >>> database("sqlite:////data/mlflow.db")
    PosixPath('/data/mlflow.db')
    """
    return Path(uri.removeprefix(SQLITE)) if uri.startswith(SQLITE) else None


def artifact_location(uri: str) -> str | None:
    """Where the artifacts of an experiment go that is created now.

    Beside a SQLite file: `mlartifacts`. For Postgres: `outputs/mlartifacts` under the working
    directory, as an absolute path, which every machine must have where several log to it: a shared
    file system. To have them elsewhere, create the experiment beforehand: `mlflow experiments
    create -n NAME -l s3://bucket/path`. A server decides for itself: None.

    >>> artifact_location("sqlite:////data/mlflow.db")
    'file:///data/mlartifacts'
    """
    path = database(uri)
    if path:
        return path.with_name("mlartifacts").as_uri()
    if uri.startswith(POSTGRES):
        return Path("outputs", "mlartifacts").absolute().as_uri()
    return None


def public(uri: str) -> str:
    """The address without user name and password, for messages and files.

    >>> public("https://ada:secret@mlflow.example.org/lab")
    'https://mlflow.example.org/lab'
    >>> public("postgresql+psycopg2://ada@db/lab?password=secret&sslmode=require")
    'postgresql://db/lab?sslmode=require'
    """
    if database(uri):
        return uri
    if uri.startswith(SERVER):
        parts = urlsplit(uri)
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    # Whatever the password is made of: none of it may be taken for a part of the path
    scheme, separator, rest = uri.partition("://")
    address, _, query = rest.rpartition("@")[2].partition("?")
    shown = urlencode([item for item in parse_qsl(query) if item[0] not in SECRETS], safe="/")
    return f"{scheme.removesuffix('+psycopg2')}{separator}{address}{shown and '?'}{shown}"


def check_reachable(uri: str) -> None:
    """Raises TrackingError if a resolved store cannot be written, in seconds and before any
    training.

    Creates the folder of a SQLite file.
    """
    path = database(uri)
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
