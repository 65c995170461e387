"""What runs a store has, for parts that go by what is done already. Reads only."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import TrackingError
from harness.tracking.address import resolve_uri, sqlite_path, without_secrets

__all__ = ["LoggedRun", "search_runs"]

PAGE = 1000  # runs a request
BUSY_TIMEOUT = 20.0  # seconds

COLUMNS = {  # what is read of MLflow's tables
    "experiments": {"experiment_id", "name", "lifecycle_stage"},
    "runs": {"run_uuid", "name", "status", "start_time", "lifecycle_stage", "experiment_id"}
    | {"artifact_uri"},
    "tags": {"key", "value", "run_uuid"},
}


@dataclass(frozen=True)
class LoggedRun:
    """A run in the store.

    status: MLflow's, one of RUNNING, FINISHED, FAILED, KILLED, SCHEDULED. artifact_uri: where its
    artifacts are; "" where that is not known.
    """

    run_id: str
    name: str
    tags: dict[str, str]
    status: str
    artifact_uri: str = field(default="", compare=False)


def search_runs(
    uri: str,
    experiment: str,
    tags: Mapping[str, str] | None = None,
    keys: Collection[str] | None = None,
) -> list[LoggedRun]:
    """The runs of an experiment that have all these tags, oldest first; deleted ones are left out.

    keys: the tags that are wanted of each, all of them by default; a few take a fraction of the time.

    uri: as in `address.resolve_uri`; a relative path is taken from the working directory. Gives [] for
    an
    experiment, or a SQLite file, that is not there. Raises TrackingError if the store cannot be
    read. A SQLite store is read without MLflow: 5,000 runs take about half a second.
    """
    resolved = resolve_uri(uri, Path.cwd())
    path = sqlite_path(resolved)
    if path is None:
        return _through_client(resolved, experiment, tags or {})
    if not path.exists():
        return []
    try:
        with closing(
            sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=BUSY_TIMEOUT)
        ) as connection:
            found = {name: _columns(connection, name) for name in COLUMNS}
            if all(columns <= found[name] for name, columns in COLUMNS.items()):
                return _from_tables(connection, experiment, tags or {}, keys)
    except sqlite3.Error as error:
        raise TrackingError(f"The MLflow store {path} cannot be read: {error}.") from error
    return _through_client(resolved, experiment, tags or {}) if any(found.values()) else []


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    return {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}


def _from_tables(
    connection: sqlite3.Connection,
    experiment: str,
    tags: Mapping[str, str],
    keys: Collection[str] | None,
) -> list[LoggedRun]:
    wanted = "" if keys is None else f" AND t.key IN ({', '.join('?' * len(keys))})"
    tagged = (
        " AND EXISTS (SELECT 1 FROM tags WHERE run_uuid = r.run_uuid AND key = ? AND value = ?)"
    )
    rows = connection.execute(
        "SELECT r.run_uuid, r.name, r.status, r.artifact_uri, t.key, t.value "
        "FROM experiments e JOIN runs r USING (experiment_id) "
        f"LEFT JOIN tags t ON t.run_uuid = r.run_uuid{wanted} "
        "WHERE e.name = ? AND e.lifecycle_stage = 'active' AND r.lifecycle_stage = 'active'"
        + tagged * len(tags)
        + " ORDER BY r.start_time, r.run_uuid",
        (*(keys or ()), experiment, *(text for tag in tags.items() for text in tag)),
    )
    found: dict[str, LoggedRun] = {}
    for run_id, name, status, artifact_uri, key, value in rows:
        run = found.get(run_id)
        if run is None:
            run = found[run_id] = LoggedRun(run_id, name or "", {}, status, artifact_uri or "")
        if key is not None:
            run.tags[key] = value
    return list(found.values())


def _through_client(uri: str, experiment: str, tags: Mapping[str, str]) -> list[LoggedRun]:
    from harness.tracking.store import open_store

    client = open_store(uri).client
    from mlflow.exceptions import MlflowException

    # MLflow's filters have no way to write a quotation mark: those tags are compared here
    simple = {
        name: value for name, value in tags.items() if not set(f"{name}{value}") & set("'\"`")
    }
    query = " AND ".join(f"tags.`{name}` = '{value}'" for name, value in simple.items())
    found: list[tuple[int, LoggedRun]] = []
    token = None
    try:
        known = client.get_experiment_by_name(experiment)
        if known is None or known.lifecycle_stage != "active":
            return []
        while token is None or token:
            page = client.search_runs(
                [known.experiment_id], query, max_results=PAGE, page_token=token or None
            )
            for run in page:
                info = run.info
                logged = LoggedRun(
                    info.run_id,
                    info.run_name or "",
                    dict(run.data.tags),
                    info.status,
                    info.artifact_uri or "",
                )
                if tags.items() <= logged.tags.items():
                    found.append((info.start_time, logged))
            token = page.token or ""
    except MlflowException as error:
        raise TrackingError(
            f"The MLflow store {without_secrets(uri)} cannot be read: {error}."
        ) from error
    return [run for _, run in sorted(found, key=lambda pair: (pair[0], pair[1].run_id))]
