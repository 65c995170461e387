"""For how many runs a function is compiled, and how the runs of a stack are put to it.

XLA compiles for fixed shapes, and runs leave a stack one by one: to compile for each number of runs
would take seconds again and again. So runs are computed in groups of 1, 4, 16, …, and what is missing in
a group is filled up with copies of its last run, whose results are dropped.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator
from typing import Any

import jax
import numpy as np

__all__ = ["Sizes", "filled", "groups", "write"]


def groups(runs: int, largest: int) -> Iterator[slice]:
    """Neighbouring rows that are computed together.

    >>> list(groups(23, 16))
    [slice(0, 16, None), slice(16, 23, None)]
    """
    for start in range(0, runs, largest):
        yield slice(start, min(start + largest, runs))


def filled(arrays: Any, rows: slice, size: int) -> Any:
    """These rows of all arrays in dicts, lists and tuples, and copies of the last one up to `size`.

    >>> filled([np.array([1, 2, 3])], slice(1, 3), 4)
    [array([2, 3, 3, 3])]
    """

    def fill(array: np.ndarray) -> np.ndarray:
        part = array[rows]
        missing = size - len(part)
        return np.concatenate([part, part[[-1] * missing]]) if missing else part

    return jax.tree.map(fill, arrays)


def write(arrays: Any, results: Any, rows: slice) -> None:
    """Writes what was computed for these rows into all arrays; copies are dropped."""
    for array, result in zip(jax.tree.leaves(arrays), jax.tree.leaves(results), strict=True):
        array[rows] = np.asarray(result)[: rows.stop - rows.start]


class Sizes:
    """The numbers of runs that each function has been compiled for, and which to take.

    A group that is too small for what is there is filled up all the same, until the time that this has
    cost is what compiling took: so never more than twice the least is spent.

    >>> sizes = Sizes()
    >>> sizes.compiled("epoch", 16, seconds=2.0)
    >>> sizes.choose("epoch", 3), sizes.choose("epoch", 17), sizes.choose("other", 3)
    (16, 32, 4)
    >>> sizes.ran("epoch", 3, 16, seconds=3.0)
    >>> sizes.choose("epoch", 3), sizes.choose("epoch", 5)
    (4, 16)
    """

    def __init__(self) -> None:
        self._compiling: dict[Hashable, dict[int, float]] = defaultdict(dict)
        self._wasted: dict[tuple[Hashable, int], float] = defaultdict(float)

    def choose(self, key: Hashable, runs: int) -> int:
        """How many runs a group of so many is to be filled up to."""
        own, there = _fitting(runs), self._compiling[key]
        larger = [size for size in there if size > own]
        if own in there or not larger or self._wasted[key, own] > there[min(larger)]:
            return own
        return min(larger)

    def compiled(self, key: Hashable, size: int, seconds: float) -> None:
        """The function has been compiled for so many runs."""
        self._compiling[key][size] = seconds

    def ran(self, key: Hashable, runs: int, size: int, seconds: float) -> None:
        """A group of so many runs was computed, filled up to `size`."""
        own = _fitting(runs)
        self._wasted[key, own] += seconds * (1 - own / size)


def _fitting(runs: int) -> int:
    """The next of 1, 4, 16, 32, 48, 64, 128, …: from 16 on by quarters of the next power of four.

    >>> [_fitting(runs) for runs in (1, 2, 5, 17, 45, 64, 65)]
    [1, 4, 16, 32, 48, 64, 128]
    """
    power = int(4 ** -(-(runs - 1).bit_length() // 2))
    part = power if power <= 16 else power // 4
    return -(-runs // part) * part
