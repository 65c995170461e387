"""What became of a sweep: filled in by Hydra's callback, read by the command that started Hydra.

Hydra makes its callbacks itself, from the configuration, and returns nothing of them. So the command
opens a list with `awaited_sweeps`, and the callback appends the outcome of the sweep that it starts. The
list belongs to the command: it is made before Hydra starts and is gone when the command is over.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

__all__ = ["SweepOutcome", "announce", "awaited_sweeps"]


@dataclass
class SweepOutcome:
    """A sweep, and its outcome as far as it is known.

    Attributes:
        folder: Folder of the sweep, absolute.
        started_ms: Start of the sweep, in milliseconds since 1970.
        command: Command line that started it.
        completed_by: Command line that trains what is not finished.
        jobs: Number of jobs that the sweeper is going to ask for; None where only the sweeper knows.
        failed: Number of runs that ended with an error or left no result; known at the end.
        summed_up: Whether the sweep came to its end and everything about it was written and shown.
    """

    folder: Path
    started_ms: int
    command: str
    completed_by: str
    jobs: int | None = None
    failed: int = 0
    summed_up: bool = False

    @property
    def succeeded(self) -> bool:
        """Whether nothing failed. Hydra only warns of errors at the end of a sweep: they count here."""
        return self.summed_up and not self.failed


_awaiting: ContextVar[list[SweepOutcome] | None] = ContextVar("awaited sweeps", default=None)


@contextmanager
def awaited_sweeps() -> Iterator[list[SweepOutcome]]:
    """A list that every sweep started within the context is added to: Hydra starts one at most."""
    sweeps: list[SweepOutcome] = []
    token = _awaiting.set(sweeps)
    try:
        yield sweeps
    finally:
        _awaiting.reset(token)


def announce(sweep: SweepOutcome) -> None:
    """Announces a sweep that starts. Nobody may wait for it, as in a Hydra application of the user."""
    sweeps = _awaiting.get()
    if sweeps is not None:
        sweeps.append(sweep)
