"""Direct access to a Postgres store, beside MLflow: a check, its revision, a lock, a connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from harness.errors import TrackingError
from harness.tracking.address import POSTGRES, without_secrets

__all__ = ["check", "connect", "exclusive_lock", "experiment_id", "revision"]

CONNECT_TIMEOUT = 5  # seconds, for each address of the host's name
LOCK = 0x6861726E657373  # "harness": number of our advisory lock in a database


def connect(uri: str) -> Any:
    """A psycopg2 connection to a resolved store. Raises TrackingError if there cannot be one."""
    try:
        import psycopg2
    except ImportError as error:
        raise TrackingError(
            "A Postgres store needs the driver psycopg2, which is not installed: "
            "pip install 'optimizer-harness[postgres]'"
        ) from error
    address = "postgresql://" + uri.removeprefix(POSTGRES)
    if not _is_clear(address):
        raise TrackingError(  # without the driver's message, which quotes a part of the password
            "The address of the Postgres store, 'tracking.uri', cannot be read. It must be like "
            "postgresql://user:password@host:5432/database, with %-escapes for special characters "
            "in the password (%40 for @, %2F for /)."
        )
    try:
        return psycopg2.connect(address, connect_timeout=CONNECT_TIMEOUT)
    except psycopg2.OperationalError as error:
        reason = " ".join(str(error).split())
        raise TrackingError(
            f"The Postgres store {without_secrets(uri)} cannot be reached ({reason}). Start it, correct "
            f"'tracking.uri', or log to a file: tracking.uri=sqlite:///outputs/mlflow.db"
        ) from error


def _is_clear(address: str) -> bool:
    """Whether an address can be parsed, with no piece of a password taken for another part."""
    from psycopg2 import ProgrammingError
    from psycopg2.extensions import parse_dsn

    try:
        parts = parse_dsn(address)
    except ProgrammingError:
        return False
    misread = "@" in parts.get("host", "") + parts.get("dbname", "")
    return not misread and parts.get("port", "5432").replace(",", "").isdigit()


def check(uri: str) -> None:
    """Raises TrackingError if the store is down, refuses us or may not be written."""
    with closing(connect(uri)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_is_in_recovery()")
        if cursor.fetchone()[0]:
            raise TrackingError(
                f"The Postgres store {without_secrets(uri)} is a standby, which cannot be written. Give "
                f"the address of its primary."
            )


@contextmanager
def exclusive_lock(uri: str, timeout: float) -> Iterator[Any]:
    """A lock that one process on any machine can hold at a time.

    Args:
        uri: The resolved store.
        timeout: Seconds to wait for the lock.

    Yields:
        The connection that holds it.

    Raises:
        TrackingError: After the timeout.
    """
    import psycopg2

    with closing(connect(uri)) as connection, connection.cursor() as cursor:
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        cursor.execute("SET LOCAL lock_timeout = %s", (round(timeout * 1000),))
        try:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        except psycopg2.errors.LockNotAvailable as error:
            raise TrackingError(
                f"Another process has been preparing the Postgres store {without_secrets(uri)} for "
                f"{timeout:.0f} s. Wait for it, or end it, and start again."
            ) from error
        yield connection  # the lock ends with the transaction, and so with the connection


def revision(connection: Any) -> str | None:
    """The revision of MLflow's schema; None in an empty database.

    Raises TrackingError for a database of another program than MLflow.
    """
    with connection.cursor() as cursor:
        tables = _tables(cursor)
        if not tables - {"alembic_version"}:
            return None
        if "experiments" not in tables:
            raise TrackingError(
                f"The Postgres database {connection.info.dbname!r} has tables of something other "
                f"than MLflow ({', '.join(sorted(tables)[:3])}, …). Give a database of its own: "
                f"createdb mlflow"
            )
        if "alembic_version" not in tables:  # its creation was interrupted, and starts again
            return None
        cursor.execute("SELECT version_num FROM alembic_version")
        row = cursor.fetchone()
        return str(row[0]) if row else None


def experiment_id(uri: str, name: str) -> int | None:
    """The id of an experiment; None if there is none."""
    with closing(connect(uri)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT experiment_id FROM experiments WHERE name = %s", (name,))
        row = cursor.fetchone()
        return row[0] if row else None


def _tables(cursor: Any) -> set[str]:
    cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = ANY(current_schemas(false))")
    return {name for (name,) in cursor.fetchall()}
