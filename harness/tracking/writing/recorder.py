"""Brings a store up to date with the journals of runs; in the writer process."""

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

MAX_ROWS = 50_000  # written at once: 150 short runs, 10 MB, a third of a second in SQLite


class Recorder:
    """Follows journals into a store, in pieces of bounded size: so memory is bounded for any sweep.

    Args:
        uri: Resolved address of the store, which is created or migrated if need be.
    """

    def __init__(self, uri: str) -> None:
        store = open_store(uri)
        path = sqlite_path(uri)
        direct = path is not None and SqliteTables.fits(path)
        self._writer = SqliteWriter(store, path) if direct and path else ClientWriter(store)
        self._warming_up = False

    def close(self) -> None:
        """Nothing more will be written."""
        self._writer.close()

    def experiment(self, name: str) -> None:
        """Creates an experiment if need be."""
        self._writer.experiment(name)

    def record(
        self, runs: Iterable[JournalCursor], *, last: bool = False
    ) -> Iterator[tuple[JournalCursor, Exception | None]]:
        """Writes what the journals have gained.

        Args:
            runs: Runs whose journals are read.
            last: Whether nothing more will come, so that each run has to end.

        Yields:
            Each run that is over, once the store has it: with its error, or None if it is complete.
        """
        batches: list[LogBatch] = []
        rows = 0
        for run in runs:
            while not run.over:
                try:
                    batch = read_batch(run, last=last)
                except Exception as error:  # the other runs go on
                    run.over = True
                    yield run, error
                    break
                if batch:
                    batches.append(batch)
                    rows += batch.rows
                    self._warm_up(batch)
                if rows > MAX_ROWS or run.reader.behind:
                    yield from self._write(batches)
                    batches, rows = [], 0
                if not run.reader.behind:
                    break
        yield from self._write(batches)

    def _write(self, batches: list[LogBatch]) -> Iterator[tuple[JournalCursor, Exception | None]]:
        for batch, error in self._writer.write(batches) if batches else ():
            run = batch.run
            run.over = run.complete or error is not None
            if run.over:
                yield run, error

    def _warm_up(self, batch: LogBatch) -> None:
        """Imports what a model needs while its run still trains, since that takes seconds."""
        if batch.started and batch.started.log_model and not self._warming_up:
            self._warming_up = True
            threading.Thread(target=_import_mlflow, daemon=True).start()


def _import_mlflow() -> None:
    import mlflow.pyfunc  # noqa: F401 - imported early, for the thread that will log a model
