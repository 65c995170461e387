"""The writer process: `python -m harness.tracking.writing.writer`, started by `Tracker`.

It writes on another core while the runs train, and imports MLflow (2 s) only if it must. Its input and
output are lines of JSON. Input: the store, then the folder of each run with a journal, then
`{"end": true}`; that the input ends without it means that the parent has died. Output: each run that is
written or failed, or what ended the process.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any, TextIO

from harness.errors import HarnessError
from harness.tracking.mlflow_defaults import set_mlflow_defaults
from harness.tracking.reachable import check_reachable
from harness.tracking.writing.log_batch import JournalCursor
from harness.tracking.writing.recorder import Recorder

__all__ = ["main"]

INTERVAL = 0.5  # seconds between two looks at the journals: a long run can be watched live

Inbox = queue.SimpleQueue  # of requests; None is the end of the input


def main() -> int:
    """Follows journals until the input ends. Returns 1 if anything could not be written."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the training; its runs are written
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    sys.stdout = sys.stderr  # MLflow prints there when a run ends
    inbox: Inbox = queue.SimpleQueue()
    # Reads at any time: the pipe never fills up, and the training never waits for MLflow
    threading.Thread(target=_listen, args=(sys.stdin, inbox), daemon=True).start()
    try:
        failures = _follow(inbox, replies)
    except Exception as error:  # the parent process hears of every error
        _reply(replies, error=_message(error))
        return 1
    return 1 if failures else 0


def _listen(source: TextIO, inbox: Inbox) -> None:
    for line in source:
        request = json.loads(line)
        inbox.put(None if request.get("end") else request)
    inbox.put(None)


def _reply(replies: TextIO, **message: object) -> None:
    try:
        replies.write(json.dumps(message) + "\n")
        replies.flush()
    except BrokenPipeError:  # the parent has died; what it left is written all the same
        return


def _follow(inbox: Inbox, replies: TextIO) -> int:
    start = inbox.get()
    if start is None:
        return 0
    set_mlflow_defaults()  # before MLflow is imported
    with closing(Recorder(start["uri"])) as recorder:
        if start["experiment"]:
            recorder.experiment(start["experiment"])
        return _write(recorder, start["uri"], inbox, replies)


def _write(recorder: Recorder, uri: str, inbox: Inbox, replies: TextIO) -> int:
    """Writes until the input has ended and all is written. Returns how many runs failed."""
    followed: dict[str, JournalCursor] = {}
    failures = 0
    ending = False
    while not ending:
        folders, ending = _new_folders(inbox)
        followed |= {folder: JournalCursor(Path(folder)) for folder in folders}
        for run, error in recorder.record(list(followed.values()), last=ending):
            folder = str(run.folder)
            del followed[folder]
            if error is None:
                _reply(replies, folder=folder, run_id=run.run_id)
                continue
            failures += 1
            _reply(replies, folder=folder, error=_message(error))
            check_reachable(uri)  # raises if the store is at fault: then no run can be written
    return failures


def _new_folders(inbox: Inbox) -> tuple[list[str], bool]:
    """Folders to follow from now on, and whether the input has ended. Waits INTERVAL for them."""
    folders: list[str] = []
    request: Any
    timeout = INTERVAL
    while True:
        try:
            request = inbox.get(timeout=timeout)
        except queue.Empty:
            return folders, False
        if request is None:
            return folders, True
        folders.append(request["folder"])
        timeout = 0.0


def _message(error: Exception) -> str:
    return str(error) if isinstance(error, HarnessError) else f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    sys.exit(main())
