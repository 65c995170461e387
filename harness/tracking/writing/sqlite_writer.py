"""Brings a SQLite store up to date without MLflow's client: many runs a transaction."""

from __future__ import annotations

import re
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from harness.tracking import journal
from harness.tracking.address import artifact_location, without_secrets
from harness.tracking.store import MlflowStore, exclusive_lock
from harness.tracking.writing.artifacts import log_run_end
from harness.tracking.writing.log_batch import LogBatch
from harness.tracking.writing.sqlite_tables import SqliteTables

__all__ = ["SqliteWriter"]

RUN_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Experiment:
    """An experiment: id, and the address below which its runs have their artifacts."""

    id: int
    location: str


class SqliteWriter:
    """Writes entries in batches.

    A run's id is chosen here and noted in its receipt before it is in the store, so that whenever
    this process dies, a replay finds the same run, or makes it under the same id.
    """

    def __init__(self, store: MlflowStore, path: Path) -> None:
        self._store = store
        self._place = without_secrets(store.uri)
        self._path = path
        self._batch = SqliteTables(path)
        self._experiments: dict[str, Experiment] = {}

    def close(self) -> None:
        """Nothing more will be written."""
        self._batch.close()

    def experiment(self, name: str) -> Experiment:
        """An experiment, which is created if need be."""
        if name not in self._experiments:
            self._experiments[name] = self._known(name) or self._made(name)
        return self._experiments[name]

    def _known(self, name: str) -> Experiment | None:
        found = self._batch.experiments(name)
        plain = len(found) == 1 and found[0][2] == "active"
        return Experiment(*found[0][:2]) if plain else None

    def _made(self, name: str) -> Experiment:
        with exclusive_lock(self._path):  # the first process makes it, and the others find it
            known = self._known(name)
            if known:
                return known
            location = str(artifact_location(self._store.uri))
            if not self._batch.experiments(name) and self._batch.can_make(name, location):
                self._batch.make(name, location)
                return Experiment(*self._batch.experiments(name)[0][:2])
            made = int(self._store.experiment(name))  # or MLflow tells that it was deleted
            return next(
                Experiment(*row[:2]) for row in self._batch.experiments(name) if row[0] == made
            )

    def record(self, entries: Sequence[LogBatch]) -> Iterator[tuple[LogBatch, Exception | None]]:
        """Writes entries. Yields each, with its error, once it is committed or has failed."""
        failed: dict[LogBatch, Exception] = {}
        created: dict[LogBatch, int] = {}
        for entry in entries:
            try:
                self._begin(entry, created)
            except Exception as error:  # one run's trouble is not another's
                failed[entry] = error

        def write(some: Sequence[LogBatch]) -> None:
            self._batch.write(some, [(e, created[e]) for e in some if e in created])

        failed |= _together(write, [e for e in entries if e not in failed and not e.run.complete])
        ended = [e for e in entries if e.status and e not in failed and not e.run.complete]
        for entry in ended:
            try:
                if entry.ended:
                    log_run_end(self._store.uri, entry.run, entry.ended)
            except Exception as error:  # without its artifacts the run is over all the same
                failed[entry] = error
        failed |= _together(self._batch.end, ended)
        for entry in ended:
            if entry not in failed:
                entry.run.complete = True
                journal.write_receipt(
                    entry.run.folder, self._place, entry.run.run_id, complete=True
                )
        for entry in sorted(entries, key=failed.__contains__):  # what is written is told first
            yield entry, failed.get(entry)

    def _begin(self, entry: LogBatch, created: dict[LogBatch, int]) -> None:
        """Gives a run that starts its id; one that an earlier writer left unfinished goes on."""
        run, started = entry.run, entry.started
        if started is None:
            return
        receipt = journal.read_receipt(run.folder)
        run.run_id = _new_id()
        if receipt.get("store") == self._place:
            known = str(receipt.get("run_id"))
            complete = receipt.get("complete") is True
            found = self._batch.find(known)
            if found and found[1] == "active":
                run.run_id, run.artifact_uri, run.complete = known, found[0], complete
                return
            if not found and not complete and RUN_ID.fullmatch(known):
                run.run_id = known
        experiment = self.experiment(started.experiment)
        run.artifact_uri = _artifact_uri(experiment.location, run.run_id)
        journal.write_receipt(run.folder, self._place, run.run_id, complete=False)
        created[entry] = experiment.id


def _together(
    write: Callable[[Sequence[LogBatch]], None], entries: Sequence[LogBatch]
) -> dict[LogBatch, Exception]:
    """Writes all at once; if one of them is at fault, one by one. Returns what went wrong."""
    if not entries:
        return {}
    try:
        write(entries)
    except sqlite3.OperationalError as error:  # locked, full, gone: nobody's fault
        return dict.fromkeys(entries, error)
    except Exception as error:
        if len(entries) == 1:
            return {entries[0]: error}
        return {e: wrong for e in entries for wrong in _together(write, [e]).values()}
    return {}


def _new_id() -> str:
    """A UUID of version 7 (RFC 9562, 5.7), which rises with time: 32 hexadecimal digits.

    MLflow's own are random, and each run then changes thousands of places in the tables' indexes.
    """
    random = secrets.randbits(74)
    version, variant = 7, 0b10
    high = time.time_ns() // 1_000_000 << 16 | version << 12 | random >> 62
    return f"{high:016x}{variant << 62 | random & (1 << 62) - 1:016x}"


def _artifact_uri(location: str, run_id: str) -> str:
    """As MLflow's SQL store makes it.

    >>> _artifact_uri("file:///data/mlartifacts", "ef53")
    'file:///data/mlartifacts/ef53/artifacts'
    """
    parts = urlsplit(location)
    if parts.scheme == "file" and not (parts.query or parts.fragment):
        return f"{location.rstrip('/')}/{run_id}/artifacts"
    from mlflow.utils import uri

    append: Any = uri.append_to_uri_path
    return str(append(location, run_id, "artifacts"))
