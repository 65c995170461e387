"""The writer process: `python -m harness.tracking.writing.writer`, started by `Tracker`.

It writes on another core while the runs train, and imports MLflow (2 s) only where it must. Its input
says where the journals are, one JSON line each; no more will come after a line `{"end": true}` or the
end of the input (the parent died). Its output says what was done, in JSON lines too.
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

INTERVAL = 0.5  # seconds between two looks at the journals: a long run is to be seen live

Inbox = queue.SimpleQueue  # of messages; None is the end of the input


def main() -> int:
    """Follows journals until the input ends. Returns 1 if anything could not be written."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the training; what it did is kept
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    sys.stdout = sys.stderr  # MLflow prints there when a run ends
    inbox: Inbox = queue.SimpleQueue()
    # Read all the time, so that the pipe never fills up and the training never waits for MLflow
    threading.Thread(target=_listen, args=(sys.stdin, inbox), daemon=True).start()
    try:
        failures = _follow(inbox, replies)
    except Exception as error:  # whatever goes wrong, the parent process has to hear of it
        _reply(replies, error=_words(error))
        return 1
    return 1 if failures else 0


def _listen(source: TextIO, inbox: Inbox) -> None:
    for line in source:
        message = json.loads(line)
        inbox.put(None if message.get("end") else message)
    inbox.put(None)


def _reply(replies: TextIO, **message: object) -> None:
    try:
        replies.write(json.dumps(message) + "\n")
        replies.flush()
    except BrokenPipeError:  # the parent has died: what it left is written all the same
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
    """Writes until the input ends and all is written. Returns how many runs could not be."""
    following: dict[str, JournalCursor] = {}
    failures = 0
    ending = False
    while not ending:
        folders, ending = _news(inbox)
        following |= {folder: JournalCursor(Path(folder)) for folder in folders}
        for run, error in recorder.record(list(following.values()), last=ending):
            folder = str(run.folder)
            del following[folder]
            if error is None:
                _reply(replies, folder=folder, run_id=run.run_id)
                continue
            failures += 1
            _reply(replies, folder=folder, error=_words(error))
            check_reachable(uri)  # if it is the store's trouble, no run can be written
    return failures


def _news(inbox: Inbox) -> tuple[list[str], bool]:
    """Folders to follow from now on, and whether the input has ended; waits INTERVAL for news."""
    folders: list[str] = []
    message: Any
    timeout = INTERVAL
    while True:
        try:
            message = inbox.get(timeout=timeout)
        except queue.Empty:
            return folders, False
        if message is None:
            return folders, True
        folders.append(message["folder"])
        timeout = 0.0


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, HarnessError) else f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    sys.exit(main())
