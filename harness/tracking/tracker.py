"""Logs runs to MLflow from the training process, which never imports it and never waits for it.

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


FLUSH_INTERVAL = 0.25  # seconds: a write for each epoch and run would be a tenth of a short epoch


class Tracker:
    """Starts the writer process; a context manager that ends it.

        with Tracker(uri, experiment) as tracker:
            tracker.start(RunStarted(...))
            tracker.log(MetricsLogged(...))
            tracker.end(RunEnded(...))
        tracker.run_ids

    uri: see `address.resolve_uri`; a relative path is taken from the working directory. experiment: made
    ready at once; the events say where each run goes. Raises TrackingError, before anything is
    started, if the store cannot be reached.
    """

    def __init__(self, uri: str, experiment: str) -> None:
        self.uri = resolve_uri(uri, Path.cwd())
        self.run_ids: dict[str, str] = {}  # key -> MLflow run id, as far as they are written
        self._count = 0  # of runs
        self._unwritten: dict[
            str, str
        ] = {}  # folder -> key, until the run is complete in the store
        self._folders: dict[str, Path] = {}  # key -> folder, until the run ends
        self._pending: dict[str, list[MetricsLogged]] = {}  # key -> not in its journal yet
        self._flushed = -math.inf
        self._failures: dict[str, str] = {}  # folder -> what went wrong
        self._fatal: str | None = None
        check_reachable(self.uri)
        self._log: IO[str] = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
        self._writer = subprocess.Popen(
            [sys.executable, "-P", "-m", "harness.tracking.writing.writer"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            encoding="utf-8",
            process_group=0,  # a Ctrl-C in the terminal is not for it
        )
        # Read all the time, so that the writer never waits either
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        self._tell(uri=self.uri, experiment=experiment)

    # --- events -----------------------------------------------------------------------------------

    def start(self, event: RunStarted) -> None:
        """A run begins; its folder is created."""
        folder = Path(event.folder).absolute()
        journal.begin(folder, event)
        self._follow(event.key, folder)

    def log(self, event: MetricsLogged) -> None:
        """Metrics of a step of a run that was started; in its journal a moment later."""
        self._pending.setdefault(event.key, []).append(event)
        if time.monotonic() - self._flushed > FLUSH_INTERVAL:
            self._flush()

    def end(self, event: RunEnded) -> None:
        """A run is over; its artifacts must be in place."""
        folder = self._folders.pop(event.key)
        journal.append(folder, [*self._pending.pop(event.key, []), event])

    def _flush(self) -> None:
        """Brings the journals up to date."""
        for key, events in self._pending.items():
            journal.append(self._folders[key], events)
        self._pending.clear()
        self._flushed = time.monotonic()

    def _follow(self, key: str, folder: Path) -> None:
        self._folders[key] = folder
        self._unwritten[str(folder)] = key
        self._count += 1
        self._tell(folder=str(folder))

    # --- the writer process -----------------------------------------------------------------------

    def _tell(self, **message: object) -> None:
        assert self._writer.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has died: `close` says so
            self._writer.stdin.write(json.dumps(message) + "\n")
            self._writer.stdin.flush()

    def _listen(self) -> None:
        assert self._writer.stdout is not None
        for line in self._writer.stdout:
            self._hear(json.loads(line))

    def _hear(self, message: dict[str, Any]) -> None:
        if "run_id" in message:
            self.run_ids[self._unwritten.pop(message["folder"])] = message["run_id"]
        elif "folder" in message:
            self._failures[message["folder"]] = message["error"]
        elif "error" in message:
            self._fatal = message["error"]

    def close(self) -> dict[str, str]:
        """Waits until everything is written. Returns the MLflow run id of each key.

        A run that has not ended is closed as failed. Raises TrackingError if anything could not be
        written: it says where the journals are and how to replay them.
        """
        assert self._writer.stdin is not None
        assert self._writer.stdout is not None
        self._tell(end=True)  # the end of the pipe may be held open by a process forked meanwhile
        with contextlib.suppress(BrokenPipeError):
            self._writer.stdin.close()
        status = self._writer.wait()
        self._listener.join()
        self._writer.stdout.close()
        with self._log:
            self._log.seek(0)
            chatter = self._log.read().strip()
        missing = list(self._unwritten)
        if missing or status != 0:
            raise self._trouble(missing, status, chatter)
        return self.run_ids

    def _trouble(self, missing: list[str], status: int, chatter: str) -> TrackingError:
        ended = f"the writer process ended with status {status}: {chatter[-2000:] or 'no message'}"
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
        except TrackingError as trouble:
            if error is None:
                raise
            error.add_note(str(trouble))  # the first error stays the one that is reported


def replay(folders: Iterable[Path], uri: str) -> dict[str, str]:
    """Logs runs from the journals in their folders; a run that is complete in this store stays as
    it is.

    Returns the MLflow run id by folder. Raises TrackingError if a folder has no
    journal, or the store cannot be written.
    """
    with Tracker(uri, experiment="") as tracker:
        for folder in map(Path.absolute, folders):
            if not (folder / journal.JOURNAL).is_file():
                raise TrackingError(f"There is no {journal.JOURNAL} in {folder}: no run to log.")
            tracker._follow(str(folder), folder)
    return tracker.run_ids
