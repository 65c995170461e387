"""The journal of a run: every event, appended to `journal.jsonl` in the run's own output folder.

It is the record by which nothing is lost, and the way to the writer process, which follows it while
it grows. So logging an event is one short write to a file, whatever the state of the store.

`mlflow.json` beside it is the receipt: where the run was logged, and whether completely.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harness.tracking.events import Event, from_line, to_line

__all__ = [
    "JOURNAL",
    "PIECE",
    "JournalReader",
    "append",
    "begin",
    "read_receipt",
    "write_atomically",
    "write_receipt",
]

JOURNAL = "journal.jsonl"
RECEIPT = "mlflow.json"

PIECE = 4 * 2**20  # bytes read at once


def begin(folder: Path, event: Event) -> None:
    """Starts the journal of a folder anew; that of an earlier run there is deleted."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RECEIPT).unlink(missing_ok=True)
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


def read_receipt(folder: Path) -> dict[str, Any]:
    """Where a run was logged: `store`, `run_id`, `complete`; {} if nowhere."""
    try:
        receipt = json.loads((folder / RECEIPT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return receipt if isinstance(receipt, dict) else {}


def write_receipt(folder: Path, store: str, run_id: str, *, complete: bool) -> None:
    """Notes where a run is logged: for people, and so that a replay does not log it twice.

    Args:
        folder: The run's.
        store: Address of the store, without secrets.
        run_id: MLflow's.
        complete: Whether the store has all of the run.
    """
    receipt = {"store": store, "run_id": run_id, "complete": complete}
    write_atomically(folder / RECEIPT, json.dumps(receipt).encode())


def write_atomically(path: Path, content: bytes) -> None:
    """Writes a file so that a reader sees all of the new content or all of the old."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_bytes(content)
    unfinished.replace(path)
