"""Addresses: of the MLflow store, and of its artifacts. Imports no MLflow, opens nothing.

A store is a SQLite file, a Postgres database or an MLflow server.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from harness.errors import TrackingError

__all__ = [
    "POSTGRES",
    "SERVER",
    "SQLITE",
    "artifact_location",
    "local_folder",
    "resolve_uri",
    "sqlite_path",
    "without_secrets",
]

SQLITE = "sqlite:///"
SERVER = ("http://", "https://")
POSTGRES = "postgresql+psycopg2://"  # without a driver SQLAlchemy 2.1 takes another one
SECRETS = {"user", "password", "sslpassword"}  # keys in the query of a Postgres address


def resolve_uri(uri: str, folder: Path) -> str:
    """The store's address, independent of the working directory.

    Args:
        uri: Address as in `tracking.uri`: sqlite:///PATH, postgresql://… or that of a server.
        folder: Folder in which a relative SQLite path begins.

    Returns:
        The address with an absolute path, with the driver of Postgres, or the server's as it is.

    Raises:
        TrackingError: For any other address.
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
            f"postgresql://user:password@host/database. Got {without_secrets(uri)!r}. For another "
            f"database start `mlflow server --backend-store-uri ...` on it and give "
            f"the server's address."
        )
    return f"{SQLITE}{os.path.abspath(folder / path)}"  # not Path.resolve(): links stay as they are


def sqlite_path(uri: str) -> Path | None:
    """The file of a resolved SQLite store; None for a store of another kind.

    >>> sqlite_path("sqlite:////data/mlflow.db")
    PosixPath('/data/mlflow.db')
    """
    return Path(uri.removeprefix(SQLITE)) if uri.startswith(SQLITE) else None


def artifact_location(uri: str) -> str | None:
    """Where the artifacts of a new experiment go; None for a server, which decides for itself.

    Beside a SQLite file: `mlartifacts`. For Postgres: `outputs/mlartifacts` under the working
    directory, as an absolute path; where several machines log to one store, this must be a shared file
    system. To have the artifacts elsewhere, create the experiment beforehand: `mlflow experiments
    create -n NAME -l s3://bucket/path`.

    >>> artifact_location("sqlite:////data/mlflow.db")
    'file:///data/mlartifacts'
    """
    path = sqlite_path(uri)
    if path:
        return path.with_name("mlartifacts").as_uri()
    if uri.startswith(POSTGRES):
        return Path("outputs", "mlartifacts").absolute().as_uri()
    return None


def local_folder(uri: str) -> Path | None:
    """An artifact address as a folder of this machine; None if it is not plainly one.

    >>> local_folder("file:///my%20data/run/artifacts")
    PosixPath('/my data/run/artifacts')
    >>> local_folder("s3://bucket/run/artifacts")
    """
    parts = urlsplit(uri)
    plain = parts.scheme == "file" and not (parts.netloc or parts.query or parts.fragment)
    return Path(unquote(parts.path)) if plain else None


def without_secrets(uri: str) -> str:
    """The address without user name and password, for messages and files.

    >>> without_secrets("https://ada:secret@mlflow.example.org/lab")
    'https://mlflow.example.org/lab'
    >>> without_secrets("postgresql+psycopg2://ada@db/lab?password=secret&sslmode=require")
    'postgresql://db/lab?sslmode=require'
    """
    if sqlite_path(uri):
        return uri
    if uri.startswith(SERVER):
        parts = urlsplit(uri)
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    # A password may contain any character: no piece of it may be taken for a part of the path
    scheme, separator, rest = uri.partition("://")
    address, _, query = rest.rpartition("@")[2].partition("?")
    shown = urlencode([pair for pair in parse_qsl(query) if pair[0] not in SECRETS], safe="/")
    return f"{scheme.removesuffix('+psycopg2')}{separator}{address}{shown and '?'}{shown}"
