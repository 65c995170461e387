"""Brings any store up to date through MLflow's client: a server, Postgres, an unknown schema."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from harness.tracking import journal
from harness.tracking.address import without_secrets
from harness.tracking.store import MlflowStore
from harness.tracking.writing.artifacts import log_run_end
from harness.tracking.writing.log_batch import LogBatch

__all__ = ["ClientWriter"]

THREADS = 4  # runs written at a time


class ClientWriter:
    """Writes entries with three calls for a whole run, some runs at a time."""

    def __init__(self, store: MlflowStore) -> None:
        self._store = store
        self._place = without_secrets(store.uri)
        self._experiments: dict[str, str] = {}
        self._making = threading.Lock()

    def close(self) -> None:
        """Nothing more will be written."""

    def experiment(self, name: str) -> str:
        """The id of an experiment, which is created if need be."""
        with self._making:
            if name not in self._experiments:
                self._experiments[name] = self._store.experiment(name)
            return self._experiments[name]

    def record(self, entries: Sequence[LogBatch]) -> Iterator[tuple[LogBatch, Exception | None]]:
        """Writes entries of different runs. Yields each, with its error, once it is written."""
        pool = ThreadPoolExecutor(min(THREADS, len(entries)))
        try:
            futures = [pool.submit(self._write, entry) for entry in entries]
            for entry, future in zip(entries, futures, strict=True):
                error = future.exception()
                if error is not None and not isinstance(error, Exception):
                    raise error
                yield entry, error
        finally:  # where the store is dead, nobody waits for the rest
            pool.shutdown(cancel_futures=True)

    def _write(self, entry: LogBatch) -> None:
        from mlflow import entities

        run = entry.run
        tags = entry.tags
        if entry.started:
            if self._begin(entry):
                tags = {}
            if run.complete:  # an earlier writer has done all this
                return
        self._store.client.log_batch(  # in pieces of as much as MLflow takes at once
            run.run_id,
            [entities.Metric(*metric) for metric in entry.metrics],
            [entities.Param(*param) for param in entry.params.items()],
            [entities.RunTag(*tag) for tag in tags.items()],
        )
        if not entry.status:
            return
        try:
            if entry.ended:
                log_run_end(self._store.uri, run, entry.ended)
        finally:  # without its artifacts the run is over all the same
            self._store.client.set_terminated(run.run_id, entry.status, run.last_time)
        run.complete = True
        journal.write_receipt(run.folder, self._place, run.run_id, complete=True)

    def _begin(self, entry: LogBatch) -> bool:
        """Goes on with the run that the receipt names, or creates one with the tags there are.

        Returns whether it was created.
        """
        run, started = entry.run, entry.started
        assert started is not None
        receipt = journal.read_receipt(run.folder)
        info = None
        if receipt.get("store") == self._place:  # a replay: an earlier writer got so far
            info = self._existing(str(receipt.get("run_id")))
            run.complete = info is not None and receipt.get("complete") is True
        created = info is None
        if info is None:
            experiment = self.experiment(started.experiment)
            info = self._store.client.create_run(
                experiment, started.time_ms, tags=entry.tags, run_name=entry.name
            ).info
        run.run_id, run.artifact_uri = info.run_id, info.artifact_uri
        journal.write_receipt(run.folder, self._place, run.run_id, complete=run.complete)
        return created

    def _existing(self, run_id: str) -> Any:
        """What the store knows of a run; None if it was deleted there."""
        from mlflow.exceptions import MlflowException

        try:
            info = self._store.client.get_run(run_id).info
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise
            return None
        return info if info.lifecycle_stage == "active" else None
