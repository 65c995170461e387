"""Brings a store up to date with the journals of runs. Lives in the writer process."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator

from harness.tracking.address import sqlite_path
from harness.tracking.store import open_store
from harness.tracking.writing.client_writer import ClientWriter
from harness.tracking.writing.log_batch import JournalCursor, LogBatch, read_batch
from harness.tracking.writing.sqlite_tables import SqliteTables
from harness.tracking.writing.sqlite_writer import SqliteWriter

__all__ = ["Recorder"]

BATCH = 50_000  # rows written at once: 150 short runs, 10 MB, a third of a second in SQLite


class Recorder:
    """Writes in batches of bounded size, so that memory is bounded whatever the sweep."""

    def __init__(self, uri: str) -> None:
        store = open_store(uri)
        path = sqlite_path(uri)
        fast = path is not None and SqliteTables.fits(path)
        self._way = SqliteWriter(store, path) if fast and path else ClientWriter(store)
        self._warm = False

    def close(self) -> None:
        """Nothing more will be written."""
        self._way.close()

    def experiment(self, name: str) -> None:
        """Makes an experiment ready, which is created if need be."""
        self._way.experiment(name)

    def record(
        self, runs: Iterable[JournalCursor], *, last: bool = False
    ) -> Iterator[tuple[JournalCursor, Exception | None]]:
        """Writes what the journals have gained. last: no more will come, so each run must end.

        Yields each run that is over, once the store has it: with its error, or None if it is
        complete.
        """
        entries: list[LogBatch] = []
        rows = 0
        for run in runs:
            while not run.over:
                try:
                    entry = read_batch(run, last=last)
                except Exception as error:  # one run's trouble is not another's
                    run.over = True
                    yield run, error
                    break
                if entry:
                    entries.append(entry)
                    rows += entry.rows
                    self._warm_up(entry)
                if rows > BATCH or run.reader.behind:
                    yield from self._write(entries)
                    entries, rows = [], 0
                if not run.reader.behind:
                    break
        yield from self._write(entries)

    def _write(self, entries: list[LogBatch]) -> Iterator[tuple[JournalCursor, Exception | None]]:
        for entry, error in self._way.record(entries) if entries else ():
            run = entry.run
            run.over = run.complete or error is not None
            if run.over:
                yield run, error

    def _warm_up(self, entry: LogBatch) -> None:
        """Imports what a model will need while its run still trains: it takes seconds."""
        if entry.started and entry.started.log_model and not self._warm:
            self._warm = True
            threading.Thread(target=_import_mlflow, daemon=True).start()


def _import_mlflow() -> None:
    import mlflow.pyfunc  # noqa: F401
