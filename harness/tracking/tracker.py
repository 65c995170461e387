"""Logs runs from the training process, which never imports MLflow and never waits for it.

Every event goes to the journal in the run's own folder; a writer process reads the journals and
brings the store up to date. If the store cannot be written, the journals can be replayed later.
"""

from __future__ import annotations

import contextlib
import json
import math
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from harness.errors import TrackingError
from harness.tracking import journal
from harness.tracking.address import resolve_uri, without_secrets
from harness.tracking.events import MetricsLogged, RunEnded, RunStarted
from harness.tracking.reachable import check_reachable

__all__ = ["Tracker", "replay"]


FLUSH_INTERVAL = 0.25  # seconds; a write for each epoch and run would take a tenth of a short epoch


class Tracker:
    """Starts the writer process; a context manager that ends it.

        with Tracker(uri, experiment) as tracker:
            tracker.start(RunStarted(...))
            tracker.log(MetricsLogged(...))
            tracker.end(RunEnded(...))
        tracker.run_ids

    Args:
        uri: Address of the store, as in `tracking.uri`; relative to the working directory.
        experiment: Name of an experiment to create at once if need be; "" for none. The events say to
            which experiment each run goes.

    Attributes:
        uri: Resolved address of the store.
        run_ids: MLflow's id of each run that is completely written, by the key of the run.

    Raises:
        TrackingError: If the store cannot be reached; then no process is started.
    """

    def __init__(self, uri: str, experiment: str) -> None:
        self.uri = resolve_uri(uri, Path.cwd())
        self.run_ids: dict[str, str] = {}
        self._count = 0  # of runs
        self._unwritten: dict[str, str] = {}  # folder -> key, until the store has all of the run
        self._folders: dict[str, Path] = {}  # key -> folder, until the run ends
        self._pending: dict[str, list[MetricsLogged]] = {}  # key -> what its journal still lacks
        self._flushed = -math.inf
        self._failures: dict[str, str] = {}  # folder -> error of its run
        self._fatal: str | None = None  # error that ended the writer
        check_reachable(self.uri)
        self._log: IO[str] = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - `close` closes it
        self._writer = subprocess.Popen(
            [sys.executable, "-P", "-m", "harness.tracking.writing.writer"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            encoding="utf-8",
            process_group=0,  # a Ctrl-C in the terminal does not reach it
        )
        # Reads the answers in a thread, so that the writer never waits either
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        self._send(uri=self.uri, experiment=experiment)

    # --- events -----------------------------------------------------------------------------------

    def start(self, event: RunStarted) -> None:
        """A run begins: its folder and its journal are created."""
        folder = Path(event.folder).absolute()
        journal.begin(folder, event)
        self._follow(event.key, folder)

    def log(self, event: MetricsLogged) -> None:
        """Metrics of a run that has started; a moment later they are in its journal."""
        self._pending.setdefault(event.key, []).append(event)
        if time.monotonic() - self._flushed > FLUSH_INTERVAL:
            self._flush()

    def end(self, event: RunEnded) -> None:
        """A run is over. Its artifacts must be in its folder."""
        folder = self._folders.pop(event.key)
        journal.append(folder, [*self._pending.pop(event.key, []), event])

    def _flush(self) -> None:
        """Writes pending metrics into the journals."""
        for key, events in self._pending.items():
            journal.append(self._folders[key], events)
        self._pending.clear()
        self._flushed = time.monotonic()

    def _follow(self, key: str, folder: Path) -> None:
        self._folders[key] = folder
        self._unwritten[str(folder)] = key
        self._count += 1
        self._send(folder=str(folder))

    # --- the writer process -----------------------------------------------------------------------

    def _send(self, **message: object) -> None:
        assert self._writer.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # the writer has died: `close` says so
            self._writer.stdin.write(json.dumps(message) + "\n")
            self._writer.stdin.flush()

    def _listen(self) -> None:
        assert self._writer.stdout is not None
        for line in self._writer.stdout:
            self._receive(json.loads(line))

    def _receive(self, message: dict[str, Any]) -> None:
        if "run_id" in message:
            self.run_ids[self._unwritten.pop(message["folder"])] = message["run_id"]
        elif "folder" in message:
            self._failures[message["folder"]] = message["error"]
        elif "error" in message:
            self._fatal = message["error"]

    def close(self) -> dict[str, str]:
        """Waits until everything is written. Runs that have not ended become KILLED.

        Returns:
            The MLflow run id by key.

        Raises:
            TrackingError: If a run could not be written: it says where the journals are and how to
                replay them.
        """
        assert self._writer.stdin is not None
        assert self._writer.stdout is not None
        self._send(end=True)  # a process forked meanwhile may hold the pipe open
        with contextlib.suppress(BrokenPipeError):
            self._writer.stdin.close()
        status = self._writer.wait()
        self._listener.join()
        self._writer.stdout.close()
        with self._log:
            self._log.seek(0)
            output = self._log.read().strip()
        missing = list(self._unwritten)
        if missing or status != 0:
            raise self._error(missing, status, output)
        return self.run_ids

    def _error(self, missing: list[str], status: int, output: str) -> TrackingError:
        ended = f"the writer process ended with status {status}: {output[-2000:] or 'no message'}"
        reason = self._fatal or next(iter(self._failures.values()), ended)
        text = f"The MLflow store {without_secrets(self.uri)} could not be written: {reason}"
        if missing:
            shown = " ".join(missing[:3]) + (" ..." if len(missing) > 3 else "")
            text += (
                f"\n{len(missing)} of {self._count} runs are not complete in MLflow. Nothing "
                f"is lost: each run's journal is in its folder. Log them again with: harness log "
                f"{shown}"
            )
        return TrackingError(text)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self._writer.returncode is None:
                self.close()
        except TrackingError as tracking_error:
            if error is None:
                raise
            error.add_note(str(tracking_error))  # the first error stays the one that is reported


def replay(folders: Iterable[Path], uri: str) -> dict[str, str]:
    """Logs runs from the journals in their folders, except those that this store has completely.

    Args:
        folders: Folders of the runs.
        uri: Address of the store, as in `tracking.uri`.

    Returns:
        The MLflow run id by folder.

    Raises:
        TrackingError: If a folder has no journal, or the store cannot be written.
    """
    with Tracker(uri, experiment="") as tracker:
        for folder in map(Path.absolute, folders):
            if not (folder / journal.JOURNAL).is_file():
                raise TrackingError(f"There is no {journal.JOURNAL} in {folder}: no run to log.")
            tracker._follow(str(folder), folder)
    return tracker.run_ids
