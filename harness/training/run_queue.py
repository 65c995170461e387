"""The runs that wait to join a stack."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Sequence

__all__ = ["FORK", "RunQueue"]

# Where stacks may train in forked processes; elsewhere they train in threads
FORK = multiprocessing.get_context("fork") if sys.platform == "linux" else None


class RunQueue:
    """A queue of positions from which several stacks may take, in threads or in forked processes.

    Args:
        positions: Positions of the runs, in the order in which they are to begin.

    >>> queue = RunQueue(range(3))
    >>> queue.pop(2), len(queue), queue.pop(2), queue.pop(2)
    ([0, 1], 1, [2], [])
    """

    def __init__(self, positions: Sequence[int]) -> None:
        self._positions = positions
        self._next = (FORK or multiprocessing).Value("q", 0)

    def pop(self, count: int) -> list[int]:
        """The next `count` positions, or as many as are left."""
        with self._next.get_lock():
            start = self._next.value
            positions = list(self._positions[start : start + count])
            self._next.value += len(positions)
        return positions

    def __len__(self) -> int:
        return len(self._positions) - self._next.value
