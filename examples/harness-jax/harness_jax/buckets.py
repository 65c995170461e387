"""Buckets of runs: a few sizes that functions are compiled for, whatever the number of runs.

XLA compiles for fixed shapes, and runs leave a stack one by one: compiling for each number of runs would
take seconds again and again. So runs are computed in buckets of 1, 4, 16, … A bucket that is not full is
padded with copies of its last run, whose results are dropped.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator
from typing import Any

import jax
import numpy as np

__all__ = ["BucketSizes", "chunks", "padded", "write_rows"]


def chunks(runs: int, largest: int) -> Iterator[slice]:
    """The rows of each bucket.

    >>> list(chunks(23, 16))
    [slice(0, 16, None), slice(16, 23, None)]
    """
    for start in range(0, runs, largest):
        yield slice(start, min(start + largest, runs))


def padded(arrays: Any, rows: slice, size: int) -> Any:
    """These rows of all arrays in dicts, lists and tuples, padded with copies of the last up to `size`.

    >>> padded([np.array([1, 2, 3])], slice(1, 3), 4)
    [array([2, 3, 3, 3])]
    """

    def pad(array: np.ndarray) -> np.ndarray:
        part = array[rows]
        missing = size - len(part)
        return np.concatenate([part, part[[-1] * missing]]) if missing else part

    return jax.tree.map(pad, arrays)


def write_rows(arrays: Any, results: Any, rows: slice) -> None:
    """Writes the results of these rows into all arrays, without the padding."""
    for array, result in zip(jax.tree.leaves(arrays), jax.tree.leaves(results), strict=True):
        array[rows] = np.asarray(result)[: rows.stop - rows.start]


class BucketSizes:
    """The sizes that each function has been compiled for, and the choice among them.

    A few runs go into a larger bucket that is compiled already, until the time that its padding has cost
    is the time of a compilation: so the total is never more than twice the least.

    >>> sizes = BucketSizes()
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
        """The size of the bucket for so many runs."""
        fitting, seconds = _bucket_of(runs), self._compiling[key]
        larger = [size for size in seconds if size > fitting]
        if fitting in seconds or not larger or self._wasted[key, fitting] > seconds[min(larger)]:
            return fitting
        return min(larger)

    def compiled(self, key: Hashable, size: int, seconds: float) -> None:
        """Takes down that the function was compiled for this size, in so many seconds."""
        self._compiling[key][size] = seconds

    def ran(self, key: Hashable, runs: int, size: int, seconds: float) -> None:
        """Takes down that so many runs were computed in a bucket of this size, in so many seconds."""
        fitting = _bucket_of(runs)
        self._wasted[key, fitting] += seconds * (1 - fitting / size)


def _bucket_of(runs: int) -> int:
    """The next size of 1, 4, 16, 32, 48, 64, 128, …: from 16 on by quarters of the next power of four.

    >>> [_bucket_of(runs) for runs in (1, 2, 5, 17, 45, 64, 65)]
    [1, 4, 16, 32, 48, 64, 128]
    """
    power = int(4 ** -(-(runs - 1).bit_length() // 2))
    part = power if power <= 16 else power // 4
    return -(-runs // part) * part
