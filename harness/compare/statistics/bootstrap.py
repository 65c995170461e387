"""Intervals by the stratified percentile bootstrap.

Runs are drawn with replacement within each task, so that every resample has as many runs of each
task as there are; the interval goes from the 2.5 % to the 97.5 % quantile of the statistic over the
resamples. It says how far the statistic would vary with other seeds on the same tasks, not with
other tasks.

Seeds are drawn `independently` for each contender, or `jointly` where runs at the same index share
their seed: the effect of a seed on all contenders then cancels in their differences.

With few runs the intervals are too narrow, as percentile intervals are: for the mean of normal
scores a nominal 95 % interval covers it 75 % of the time with 3 runs, 83 % with 5, 91 % with 10, 93
% with 20.

Diverged runs take part, and their number varies between resamples. A statistic that is −inf in a
resample (the median of mostly diverged runs) is worse than all others, and the low end may be −inf.
A statistic that is NaN (the mean of the converged where none converged) could be anything: it
counts as −inf for the low end and as +inf for the high end. Where more resamples are NaN than a tail
holds, both ends are NaN. Dropping these resamples would make the interval narrowest where least is
known. A single run has no interval: where a task has one run, the ends are NaN.

Source: Agarwal et al., Deep Reinforcement Learning at the Edge of the Statistical Precipice,
NeurIPS 2021, Section 4; the percentile interval is Efron's (Efron & Tibshirani, An Introduction
to the Bootstrap, 1993, Section 13.3).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = [
    "CONFIDENCE",
    "RESAMPLES",
    "Interval",
    "Resampler",
    "Sample",
    "Statistic",
    "independently",
    "interval",
    "jointly",
    "percentiles",
    "single_runs",
]

RESAMPLES = 2000
CONFIDENCE = 0.95

Sample = Sequence[
    np.ndarray
]  # scores of a contender: an array a task, (runs,) or (resamples, runs)
Statistic = Callable[..., np.ndarray]  # of one or more samples, over their last axis
Resampler = Callable[[Sequence[Sample], np.random.Generator, int], list[Sample]]


@dataclass(frozen=True)
class Interval:
    """A statistic and the ends of its interval.

    Attributes:
        estimate: The statistic; NaN where it is no number.
        low: The lower end; it may be −inf or NaN, see above.
        high: The upper end; it may be NaN.
    """

    estimate: float
    low: float
    high: float

    def negated(self) -> Interval:
        """The interval of the statistic with its sign changed. 0 − x: −0.0 would show its sign."""
        return Interval(0.0 - self.estimate, 0.0 - self.high, 0.0 - self.low)


def independently(
    samples: Sequence[Sample], rng: np.random.Generator, resamples: int
) -> list[Sample]:
    """Draws the runs of each sample separately. Returns samples of (resamples, runs) arrays.

    >>> [[drawn]] = independently([[np.array([1.0, 2.0])]], np.random.default_rng(0), 3)
    >>> drawn.shape
    (3, 2)
    """
    return [[scores[_rows(len(scores), rng, resamples)] for scores in sample] for sample in samples]


def jointly(samples: Sequence[Sample], rng: np.random.Generator, resamples: int) -> list[Sample]:
    """Draws the same indices in all samples: runs at one index share their seed.

    Raises ValueError where the samples have different numbers of runs of a task.

    >>> a, b = [np.arange(5.0)], [np.arange(5.0) + 10]
    >>> [drawn_a], [drawn_b] = jointly([a, b], np.random.default_rng(0), 100)
    >>> bool(np.all(drawn_b - drawn_a == 10))
    True
    """
    lengths = [[len(scores) for scores in sample] for sample in samples]
    if any(of_sample != lengths[0] for of_sample in lengths):
        raise ValueError(
            f"Runs can be paired only where all contenders have equally many on a task. Got, by "
            f"contender and task: {lengths}."
        )
    rows = [_rows(length, rng, resamples) for length in lengths[0]]
    return [[scores[r] for scores, r in zip(sample, rows, strict=True)] for sample in samples]


def _rows(runs: int, rng: np.random.Generator, resamples: int) -> np.ndarray:
    return rng.integers(runs, size=(resamples, runs))


def interval(
    statistic: Statistic,
    samples: Sequence[Sample],
    resampler: Resampler,
    rng: np.random.Generator,
    *,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
) -> Interval:
    """The interval of `statistic(*samples)`.

    Args:
        statistic: Takes as many samples as there are, with or without a leading axis of resamples, and
            returns a number for each resample.
        samples: Samples of one or more contenders; each task has at least one run.
        resampler: `independently` or `jointly`.
        rng: The generator that runs are drawn with.
        resamples: Number of resamples.
        confidence: The probability that the interval should cover, in (0, 1).

    >>> from harness.compare.statistics.aggregates import mean
    >>> accuracy = [np.array([0.91, 0.93, 0.92, 0.95]), np.array([0.70, 0.74, 0.71])]
    >>> result = interval(mean, [accuracy], independently, np.random.default_rng(0))
    >>> print(f"{result.estimate:.3f} [{result.low:.3f}, {result.high:.3f}]")
    0.822 [0.811, 0.835]
    """
    value = float(statistic(*samples))
    estimate = value if math.isfinite(value) else math.nan
    if single_runs(samples):
        return Interval(estimate, math.nan, math.nan)
    values = statistic(*resampler(samples, rng, resamples))
    low, high = percentiles(values, confidence)
    return Interval(estimate, float(low), float(high))


def single_runs(samples: Sequence[Sample]) -> bool:
    """Whether a task has a single run, so that all resamples of it are equal."""
    return any(scores.shape[-1] < 2 for sample in samples for scores in sample)


def percentiles(
    values: np.ndarray, confidence: float = CONFIDENCE
) -> tuple[np.ndarray, np.ndarray]:
    """The ends of the percentile interval of each column.

    The ends are values that occur, the outer of the two next to the quantile: interpolation between a
    number and −inf is impossible.

    Args:
        values: The statistic of each resample, (resamples, …); NaN where it is undefined.
        confidence: The probability that the interval should cover, in (0, 1).

    >>> low, high = percentiles(np.arange(2000.0))
    >>> float(low), float(high)
    (49.0, 1950.0)
    """
    tail = int(round((1 - confidence) / 2 * (len(values) - 1), 9))  # 1 − 0.9 is not quite 0.1
    undefined = np.isnan(values)
    low = np.sort(np.where(undefined, -np.inf, values), axis=0)[tail]
    high = np.sort(np.where(undefined, np.inf, values), axis=0)[-1 - tail]
    unknown = undefined.sum(axis=0) > tail
    return np.where(unknown, np.nan, low), np.where(unknown, np.nan, high)
