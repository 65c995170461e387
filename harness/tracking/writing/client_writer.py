"""Writes batches through MLflow's client: into a server, Postgres, or tables of an unknown shape."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from harness.tracking.address import without_secrets
from harness.tracking.receipt import read_receipt, write_receipt
from harness.tracking.store import MlflowStore
from harness.tracking.writing.log_batch import LogBatch
from harness.tracking.writing.run_end import log_run_end

__all__ = ["ClientWriter"]

THREADS = 4  # runs written at a time


class ClientWriter:
    """Writes some runs at a time, each whole run with three calls of the client."""

    def __init__(self, store: MlflowStore) -> None:
        self._store = store
        self._address = without_secrets(store.uri)
        self._experiments: dict[str, str] = {}  # name -> id
        self._experiments_lock = threading.Lock()

    def close(self) -> None:
        """Nothing more will be written."""

    def experiment(self, name: str) -> str:
        """The id of an experiment, which is created if need be."""
        with self._experiments_lock:
            if name not in self._experiments:
                self._experiments[name] = self._store.experiment(name)
            return self._experiments[name]

    def write(self, batches: Sequence[LogBatch]) -> Iterator[tuple[LogBatch, Exception | None]]:
        """Writes batches of different runs. Yields each, with its error, once it is written."""
        pool = ThreadPoolExecutor(min(THREADS, len(batches)))
        try:
            futures = [pool.submit(self._write, batch) for batch in batches]
            for batch, future in zip(batches, futures, strict=True):
                error = future.exception()
                if error is not None and not isinstance(error, Exception):
                    raise error
                yield batch, error
        finally:  # if the store is dead, nobody waits for the rest
            pool.shutdown(cancel_futures=True)

    def _write(self, batch: LogBatch) -> None:
        from mlflow import entities

        run = batch.run
        tags = batch.tags
        if batch.started:
            if self._begin(batch):
                tags = {}
            if run.complete:  # an earlier writer has done all this
                return
        self._store.client.log_batch(  # cuts the batch into requests of a size that MLflow takes
            run.run_id,
            [entities.Metric(*row) for row in batch.metrics],
            [entities.Param(*param) for param in batch.params.items()],
            [entities.RunTag(*tag) for tag in tags.items()],
        )
        if not batch.status:
            return
        try:
            if batch.ended:
                log_run_end(self._store.uri, run, batch.ended)
        finally:  # a run without its artifacts ends, too
            self._store.client.set_terminated(run.run_id, batch.status, run.last_time)
        run.complete = True
        write_receipt(run.folder, self._address, run.run_id, complete=True)

    def _begin(self, batch: LogBatch) -> bool:
        """Goes on with the run that the receipt names, or creates one with the tags of the batch.

        Returns whether it was created.
        """
        run, started = batch.run, batch.started
        assert started is not None
        receipt = read_receipt(run.folder)
        info = None
        if receipt.get("store") == self._address:  # a replay: an earlier writer got so far
            info = self._existing(str(receipt.get("run_id")))
            run.complete = info is not None and receipt.get("complete") is True
        created = info is None
        if info is None:
            experiment = self.experiment(started.experiment)
            info = self._store.client.create_run(
                experiment, started.time_ms, tags=batch.tags, run_name=batch.name
            ).info
        run.run_id, run.artifact_uri = info.run_id, info.artifact_uri
        write_receipt(run.folder, self._address, run.run_id, complete=run.complete)
        return created

    def _existing(self, run_id: str) -> Any:
        """MLflow's info of a run; None if it is not in the store, or was deleted there."""
        from mlflow.exceptions import MlflowException

        try:
            info = self._store.client.get_run(run_id).info
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise
            return None
        return info if info.lifecycle_stage == "active" else None
