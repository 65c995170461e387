"""Drawing rows for the parts of a dataset, with the same shares of the classes in each."""

from __future__ import annotations

import numpy as np

from harness.errors import DataError

__all__ = ["hold_out"]


def hold_out(
    rows: np.ndarray, strata: np.ndarray, size: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draws rows at random, from each stratum its share.

    The share of a stratum is rounded down or up, and one of its rows always stays among the others: a
    class that is held out must be learnt from something. So the row of a class with one row is for
    training. Raises DataError where there are too few rows for that.

    Args:
        rows: Row numbers to draw from, (n,).
        strata: Stratum of every row of the dataset, (N,) numbers from 0; all 0 draws without strata.
        size: Rows to draw.
        rng: Source of randomness.

    Returns:
        The rows drawn and the others, both in ascending order.
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

    Args:
        counts: Rows of each stratum.
        size: Rows to draw in all.

    >>> _quotas(np.array([50, 30, 20]), 7)
    array([4, 2, 1])
    """
    total = int(counts.sum())
    if size > np.maximum(counts - 1, 0).sum():
        classes = np.count_nonzero(counts)
        rest = "a row" if classes == 1 else f"a row of each of the {classes:,} classes"
        raise DataError(
            f"Cannot hold out {size} of {total} rows and keep {rest} for training. Use more data, "
            f"smaller shares split.validation and split.test, or split.stratify=false."
        )
    quotas = counts * size // total
    for _ in range(size - int(quotas.sum())):
        shortfall = counts * size - quotas * total
        quotas[np.argmax(np.where(quotas < counts - 1, shortfall, np.iinfo(np.int64).min))] += 1
    return quotas
