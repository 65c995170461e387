"""The store of a sweep on several machines: all of them must be able to write to it."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path

from harness.configuration.settings import Tracking
from harness.errors import TrackingError
from harness.sweep.launching.serialization import JobBatch
from harness.tracking.address import resolve_uri, sqlite_path

__all__ = ["check_store", "store_of"]


def check_store(tracking: Tracking, machines: Sequence[str]) -> None:
    """Raises TrackingError if machines other than this one cannot write to the store."""
    uri = resolve_uri(tracking.uri, Path.cwd())
    if sqlite_path(uri) and set(machines) - {socket.gethostname()}:
        raise TrackingError(_not_shared(uri, machines))


def store_of(batch: JobBatch) -> str:
    """The address of the store as a worker needs it.

    Raises TrackingError if it does not mean the same store here as where the sweep was started.
    """
    uri = resolve_uri(batch.jobs[0].run.config.tracking.uri, batch.directory)
    if sqlite_path(uri) and batch.host != socket.gethostname():
        raise TrackingError(_not_shared(uri, [socket.gethostname(), batch.host]))
    return uri


def _not_shared(uri: str, machines: Sequence[str]) -> str:
    return (
        f"The sweep would train on {', '.join(sorted(set(machines)))}, and a SQLite file, {uri}, can "
        f"be written by the processes of one machine only. Log to a store that all of them reach: an "
        f"MLflow server (tracking.uri=http://HOST:5000) or a Postgres database "
        f"(tracking.uri=postgresql://USER:PASSWORD@HOST/NAME)."
    )
