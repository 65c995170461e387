"""The runs that wait for a place in a stack."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable

__all__ = ["Waiting"]


class Waiting:
    """A queue of positions from which several stacks may take, each in a thread of its own.

    >>> waiting = Waiting(range(3))
    >>> waiting.take(2), len(waiting), waiting.take(2), waiting.take(2)
    ([0, 1], 1, [2], [])
    """

    def __init__(self, positions: Iterable[int]) -> None:
        self._positions = deque(positions)
        self._lock = threading.Lock()

    def take(self, count: int) -> list[int]:
        """The next `count` positions, or as many as there are."""
        with self._lock:
            return [self._positions.popleft() for _ in range(min(count, len(self._positions)))]

    def __len__(self) -> int:
        return len(self._positions)
