"""The runs that wait for a place in a stack."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Sequence

__all__ = ["FORK", "RunQueue"]

# Where stacks may train in forked processes; elsewhere they train in threads
FORK = multiprocessing.get_context("fork") if sys.platform == "linux" else None


class RunQueue:
    """A queue of positions from which several stacks may take, in threads or in forked processes.

    >>> waiting = RunQueue(range(3))
    >>> waiting.pop(2), len(waiting), waiting.pop(2), waiting.pop(2)
    ([0, 1], 1, [2], [])
    """

    def __init__(self, positions: Sequence[int]) -> None:
        self._positions = positions
        self._taken = (FORK or multiprocessing).Value("q", 0)

    def pop(self, count: int) -> list[int]:
        """The next `count` positions, or as many as there are."""
        with self._taken.get_lock():
            start = self._taken.value
            taken = list(self._positions[start : start + count])
            self._taken.value += len(taken)
        return taken

    def __len__(self) -> int:
        return len(self._positions) - self._taken.value
