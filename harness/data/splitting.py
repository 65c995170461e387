"""Drawing rows for the parts of a dataset, with the same class shares in each."""

from __future__ import annotations

import numpy as np

from harness.errors import DataError

__all__ = ["hold_out"]


def hold_out(
    rows: np.ndarray, strata: np.ndarray, size: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draws `size` of `rows` at random, each stratum by its share.

    rows: (n,) row numbers. strata: (N,) numbers from 0, the stratum of every row of the dataset;
    all zero draws without strata. Returns the rows drawn and the others, both in ascending order. A
    stratum gets its share rounded down or up, and always keeps a row among the others: a class that
    is held out must be learnt from something. So a class of a single row goes to the training part.
    Raises DataError where there are too few rows for that.
    """
    shuffled = rng.permutation(rows)
    stratum = strata[shuffled]
    counts = np.bincount(stratum)
    quotas = _quotas(counts, size)
    starts = np.cumsum(counts) - counts
    rank = np.empty(len(rows), np.int64)  # of a row within its stratum, in the shuffled order
    rank[np.argsort(stratum, kind="stable")] = np.arange(len(rows)) - np.repeat(starts, counts)
    drawn = rank < quotas[stratum]
    return np.sort(shuffled[drawn]), np.sort(shuffled[~drawn])


def _quotas(counts: np.ndarray, size: int) -> np.ndarray:
    """How many rows of each stratum to draw: largest remainders, in exact integers.

    >>> _quotas(np.array([50, 30, 20]), 7)
    array([4, 2, 1])
    """
    total = int(counts.sum())
    if size > np.maximum(counts - 1, 0).sum():
        classes = np.count_nonzero(counts)
        kept = "a row" if classes == 1 else f"a row of each of the {classes} classes"
        raise DataError(
            f"Cannot hold out {size} of {total} rows and keep {kept} for training. Use more data, "
            f"smaller shares split.validation and split.test, or split.stratify=false."
        )
    quotas = counts * size // total
    for _ in range(size - int(quotas.sum())):
        shortfall = counts * size - quotas * total
        quotas[np.argmax(np.where(quotas < counts - 1, shortfall, np.iinfo(np.int64).min))] += 1
    return quotas
