"""The journal of a run: every event, appended to `journal.jsonl` in the run's own output folder.

It is the record by which nothing is lost, and the way to the writer process, which follows it while
it grows. So logging an event is one short write to a file, even if the store is slow or down.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from harness.tracking.events import Event, from_line, to_line
from harness.tracking.receipt import delete_receipt

__all__ = [
    "JOURNAL",
    "PIECE",
    "JournalReader",
    "append",
    "begin",
]

JOURNAL = "journal.jsonl"

PIECE = 4 * 2**20  # bytes read at once


def begin(folder: Path, event: Event) -> None:
    """Starts the journal of a folder anew; that of an earlier run there is deleted."""
    folder.mkdir(parents=True, exist_ok=True)
    delete_receipt(folder)
    (folder / JOURNAL).write_text(to_line(event), encoding="utf-8")


def append(folder: Path, events: Iterable[Event]) -> None:
    """Adds events."""
    with (folder / JOURNAL).open("a", encoding="utf-8") as file:
        file.write("".join(map(to_line, events)))


class JournalReader:
    """Reads a journal piece by piece while it grows.

    Attributes:
        behind: Whether the journal had more than the last call took.
    """

    def __init__(self, folder: Path) -> None:
        self._path = str(folder / JOURNAL)
        self._offset = 0
        self.behind = False

    def read(self) -> list[Event]:
        """The events since the last call, of at most PIECE bytes.

        A line that is still being written is left for the next call.
        """
        size = os.stat(self._path).st_size
        if size <= self._offset:  # nothing new, as in most calls while a run trains
            self.behind = False
            return []
        with open(self._path, "rb") as file:
            file.seek(self._offset)
            piece = file.read(PIECE)
            if len(piece) == PIECE and b"\n" not in piece:
                piece += file.readline()
        complete = piece[: piece.rfind(b"\n") + 1]
        self._offset += len(complete)
        self.behind = len(piece) >= PIECE and len(complete) > 0 and self._offset < size
        return [from_line(line) for line in complete.decode().splitlines()]
