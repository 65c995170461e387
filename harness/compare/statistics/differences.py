"""How much better one contender is than another, in the unit of the scores.

It is the difference of means over tasks, each task with the same weight. A diverged run has no number:

- of runs paired by seed it is the mean of a_i − b_i over the seeds for which both converged;
- of unpaired runs it is the mean of the converged runs of a minus that of b.

Both describe runs that converged. That one contender diverges more often shows in the number of runs
left out, in P(A > B) and in the tests, where a diverged run is the worst. NaN where a task has nothing
to compare.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.compare.statistics.aggregates import mean, mean_where
from harness.compare.statistics.bootstrap import (
    CONFIDENCE,
    RESAMPLES,
    Interval,
    Sample,
    independently,
    interval,
    jointly,
)

__all__ = [
    "Difference",
    "mean_difference",
    "mean_paired_difference",
    "paired_difference",
    "unpaired_difference",
]


@dataclass(frozen=True)
class Difference:
    """A difference of means and its interval.

    Attributes:
        interval: The difference, with its ends.
        used: Number of pairs of runs that it rests on; without pairs, of runs of both contenders.
        left_out: Number of pairs, or runs, that are left out because a run diverged.
    """

    interval: Interval
    used: int
    left_out: int


def mean_paired_difference(a: Sample, b: Sample) -> np.ndarray:
    """The mean over tasks of the means of a_i − b_i where both converged. Arrays (..., runs) to (...).

    >>> a, b = [np.array([3.0, 2.0, -np.inf])], [np.array([2.0, 1.5, 9.0])]
    >>> float(mean_paired_difference(a, b))
    0.75
    """
    differences = []
    for x, y in zip(a, b, strict=True):
        both = np.isfinite(x) & np.isfinite(y)
        differences.append(mean_where(np.where(both, x, 0.0) - np.where(both, y, 0.0), both))
    return np.mean(differences, axis=0)


def mean_difference(a: Sample, b: Sample) -> np.ndarray:
    """The mean of the converged of `a` minus that of `b`. Arrays (..., runs) to (...).

    >>> float(mean_difference([np.array([3.0, 2.0, -np.inf])], [np.array([2.0, 1.5])]))
    0.75
    """
    return mean(a) - mean(b)


def paired_difference(
    a: Sample,
    b: Sample,
    rng: np.random.Generator,
    *,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
) -> Difference:
    """The difference of paired runs: runs at one index share their seed, and seeds are drawn jointly.

    Raises ValueError where the contenders have different numbers of runs of a task.

    >>> a = [np.array([0.9, 0.7, 0.8, -np.inf])]
    >>> b = [np.array([0.8, 0.5, 0.7, 0.6])]
    >>> difference = paired_difference(a, b, np.random.default_rng(0))
    >>> f"{difference.interval.estimate:.3f}", difference.used, difference.left_out
    ('0.133', 3, 1)
    """
    difference = interval(
        mean_paired_difference, [a, b], jointly, rng, resamples=resamples, confidence=confidence
    )
    used = sum(int((np.isfinite(x) & np.isfinite(y)).sum()) for x, y in zip(a, b, strict=True))
    return Difference(difference, used, sum(map(len, a)) - used)


def unpaired_difference(
    a: Sample,
    b: Sample,
    rng: np.random.Generator,
    *,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
) -> Difference:
    """The difference of unpaired runs; the runs of each contender are drawn separately.

    >>> a, b = [np.array([0.9, 0.7, -np.inf])], [np.array([0.8, 0.5])]
    >>> difference = unpaired_difference(a, b, np.random.default_rng(0))
    >>> f"{difference.interval.estimate:.3f}", difference.used, difference.left_out
    ('0.150', 4, 1)
    """
    difference = interval(
        mean_difference, [a, b], independently, rng, resamples=resamples, confidence=confidence
    )
    runs = sum(map(len, [*a, *b]))
    used = sum(int(np.isfinite(scores).sum()) for scores in [*a, *b])
    return Difference(difference, used, runs - used)
