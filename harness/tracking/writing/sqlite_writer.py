"""Writes batches into a SQLite store without MLflow's client: many runs a transaction."""

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

from harness.tracking.address import artifact_location, without_secrets
from harness.tracking.receipt import read_receipt, write_receipt
from harness.tracking.sqlite import exclusive_lock
from harness.tracking.store import MlflowStore
from harness.tracking.writing.log_batch import LogBatch
from harness.tracking.writing.run_end import log_run_end
from harness.tracking.writing.sqlite_tables import SqliteTables

__all__ = ["SqliteWriter"]

RUN_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Experiment:
    """An experiment of the store.

    Attributes:
        id: Number in MLflow.
        location: Address below which its runs have their artifacts.
    """

    id: int
    location: str


class SqliteWriter:
    """Writes batches of many runs at once.

    A run's id is chosen here, and is in its receipt before it is in the store: whenever this process
    dies, a replay finds the same run, or creates it under the same id.
    """

    def __init__(self, store: MlflowStore, path: Path) -> None:
        self._store = store
        self._address = without_secrets(store.uri)
        self._path = path
        self._tables = SqliteTables(path)
        self._experiments: dict[str, Experiment] = {}

    def close(self) -> None:
        """Nothing more will be written."""
        self._tables.close()

    def experiment(self, name: str) -> Experiment:
        """An experiment, which is created if need be."""
        if name not in self._experiments:
            self._experiments[name] = self._find_experiment(name) or self._create_experiment(name)
        return self._experiments[name]

    def _find_experiment(self, name: str) -> Experiment | None:
        rows = self._tables.find_experiments(name)
        plain = len(rows) == 1 and rows[0][2] == "active"
        return Experiment(*rows[0][:2]) if plain else None

    def _create_experiment(self, name: str) -> Experiment:
        with exclusive_lock(self._path):  # the first process creates it, and the others find it
            experiment = self._find_experiment(name)
            if experiment:
                return experiment
            tables = self._tables
            location = str(artifact_location(self._store.uri))
            if not tables.find_experiments(name) and tables.can_create_experiment(name, location):
                tables.create_experiment(name, location)
                return Experiment(*tables.find_experiments(name)[0][:2])
            number = int(self._store.experiment(name))  # raises if it was deleted
            return next(
                Experiment(*row[:2]) for row in tables.find_experiments(name) if row[0] == number
            )

    def write(self, batches: Sequence[LogBatch]) -> Iterator[tuple[LogBatch, Exception | None]]:
        """Writes batches. Yields each, with its error, once it is committed or has failed."""
        failed: dict[LogBatch, Exception] = {}
        created: dict[LogBatch, int] = {}  # batch -> id of the experiment for its new run
        for batch in batches:
            try:
                self._begin(batch, created)
            except Exception as error:  # the other runs go on
                failed[batch] = error

        def write_rows(some: Sequence[LogBatch]) -> None:
            self._tables.write(some, [(b, created[b]) for b in some if b in created])

        unwritten = [b for b in batches if b not in failed and not b.run.complete]
        failed |= _all_or_each(write_rows, unwritten)
        ending = [b for b in unwritten if b.status and b not in failed]
        for batch in ending:
            try:
                if batch.ended:
                    log_run_end(self._store.uri, batch.run, batch.ended)
            except Exception as error:  # a run without its artifacts ends, too
                failed[batch] = error
        failed |= _all_or_each(self._tables.end_runs, ending)
        for batch in ending:
            if batch not in failed:
                batch.run.complete = True
                write_receipt(batch.run.folder, self._address, batch.run.run_id, complete=True)
        for batch in sorted(batches, key=failed.__contains__):  # the written ones first
            yield batch, failed.get(batch)

    def _begin(self, batch: LogBatch, created: dict[LogBatch, int]) -> None:
        """Gives a starting run its id: that of its receipt if an earlier writer left it unfinished."""
        run, started = batch.run, batch.started
        if started is None:
            return
        receipt = read_receipt(run.folder)
        run.run_id = _new_id()
        if receipt.get("store") == self._address:
            earlier_id = str(receipt.get("run_id"))
            complete = receipt.get("complete") is True
            row = self._tables.find_run(earlier_id)
            if row and row[1] == "active":
                run.run_id, run.artifact_uri, run.complete = earlier_id, row[0], complete
                return
            if not row and not complete and RUN_ID.fullmatch(earlier_id):
                run.run_id = earlier_id
        experiment = self.experiment(started.experiment)
        run.artifact_uri = _artifact_uri(experiment.location, run.run_id)
        write_receipt(run.folder, self._address, run.run_id, complete=False)
        created[batch] = experiment.id


def _all_or_each(
    write: Callable[[Sequence[LogBatch]], None], batches: Sequence[LogBatch]
) -> dict[LogBatch, Exception]:
    """Writes all batches at once; if one of them is at fault, one by one. Returns the errors."""
    if not batches:
        return {}
    try:
        write(batches)
    except sqlite3.OperationalError as error:  # locked, full, gone: no batch is at fault
        return dict.fromkeys(batches, error)
    except Exception as error:
        if len(batches) == 1:
            return {batches[0]: error}
        return {b: wrong for b in batches for wrong in _all_or_each(write, [b]).values()}
    return {}


def _new_id() -> str:
    """A UUID of version 7 (RFC 9562, 5.7), which rises with time: 32 hexadecimal digits.

    MLflow's ids are random, so that each run changes thousands of pages of the tables' indexes.
    """
    random = secrets.randbits(74)
    version, variant = 7, 0b10
    high = time.time_ns() // 1_000_000 << 16 | version << 12 | random >> 62
    return f"{high:016x}{variant << 62 | random & (1 << 62) - 1:016x}"


def _artifact_uri(location: str, run_id: str) -> str:
    """The artifact address of a run, as MLflow's SQL store makes it.

    >>> _artifact_uri("file:///data/mlartifacts", "ef53")
    'file:///data/mlartifacts/ef53/artifacts'
    """
    parts = urlsplit(location)
    if parts.scheme == "file" and not (parts.query or parts.fragment):
        return f"{location.rstrip('/')}/{run_id}/artifacts"
    from mlflow.utils import uri

    append: Any = uri.append_to_uri_path
    return str(append(location, run_id, "artifacts"))
