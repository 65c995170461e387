"""Into how many runs a compiled function is made for, and how the runs of a stack are put to it.

XLA compiles for fixed shapes, and runs leave a stack one by one: to compile for each number of runs
would take seconds again and again. So the runs of a stack are computed in groups of 1, 4, 16, …, and
what is missing in the last one is filled up with copies of its last run, whose results are dropped.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

__all__ = ["filled", "groups"]


def groups(rows: slice, largest: int) -> Iterator[tuple[slice, int]]:
    """Neighbouring rows that are computed together, and the number that they are filled up to.

    largest: a power of four.

    >>> list(groups(slice(0, 23), 16))
    [(slice(0, 16, None), 16), (slice(16, 23, None), 16)]
    >>> list(groups(slice(5, 8), 16))
    [(slice(5, 8, None), 4)]
    """
    for start in range(rows.start, rows.stop, largest):
        stop = min(start + largest, rows.stop)
        size = 1
        while size < stop - start:
            size *= 4
        yield slice(start, stop), size


def filled(array: np.ndarray, rows: slice, size: int, axis: int = 0) -> np.ndarray:
    """These rows of an array, and copies of the last one up to `size`. axis: that of the runs.

    >>> filled(np.array([[1], [2], [3]]), slice(1, 3), 4).T
    array([[2, 3, 3, 3]])
    """
    part = array[(slice(None),) * axis + (rows,)]
    missing = size - part.shape[axis]
    if not missing:
        return part
    last = np.take(part, [-1] * missing, axis=axis)
    return np.concatenate([part, last], axis=axis)
