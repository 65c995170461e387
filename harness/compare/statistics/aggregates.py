"""One number for many runs of a contender: mean, median, interquartile mean, optimality gap.

Each takes a sample: a sequence of arrays, one for each task, of shape (..., runs), and returns (...);
leading axes are resamples of the bootstrap, the same for all tasks. One run of a task, or one task
alone, is no special case.

The mean and the optimality gap need numbers: they take the converged runs of each task and average over
tasks, each task with the same weight. (Pooled over tasks, a contender that diverges on the hard ones
would gain by it.) They are NaN where a task has no converged run. Show the share of the diverged beside
them.

Median and interquartile mean go by order: they take all runs of all tasks together, as rliable's IQM,
with the diverged as the worst. Where these reach into the middle the result is −inf, worse than every
number; a frame shows it as NaN. A task with more runs has more weight.

Source: Agarwal et al., Deep Reinforcement Learning at the Edge of the Statistical Precipice,
NeurIPS 2021, Section 4.3. Their median is that of the means of tasks; here it is that of the runs,
which is defined for one task and for diverged runs.
"""

from __future__ import annotations

import numpy as np

from harness.compare.statistics.bootstrap import Sample

__all__ = ["interquartile_mean", "mean", "mean_where", "median", "optimality_gap"]


def mean(sample: Sample) -> np.ndarray:
    """The mean over tasks of the means of their converged runs; NaN where a task has none.

    >>> float(mean([np.array([0.5, 0.7, -np.inf]), np.array([0.9, 0.9])]))
    0.75
    """
    return _over_tasks([mean_where(scores, np.isfinite(scores)) for scores in sample])


def optimality_gap(sample: Sample, best: float = 1.0) -> np.ndarray:
    """How far the converged runs fall short of γ = `best`: the mean of γ − min(x, γ); lower is better.

    Scores beyond γ count as γ. It is averaged over tasks as the mean is.

    >>> float(optimality_gap([np.array([0.5, 1.25, -np.inf])]))
    0.25
    """
    gaps = [best - np.minimum(scores, best) for scores in sample]
    return _over_tasks([mean_where(gap, np.isfinite(gap)) for gap in gaps])


def median(sample: Sample) -> np.ndarray:
    """The median of all runs; −inf where the diverged reach the middle.

    >>> float(median([np.array([0.5, 0.7, -np.inf])]))
    0.5
    >>> float(median([np.array([0.5, -np.inf])]))
    -inf
    """
    return np.median(_pooled(sample), axis=-1)


def interquartile_mean(sample: Sample) -> np.ndarray:
    """The mean of n runs without the ⌊n/4⌋ best and the ⌊n/4⌋ worst.

    It is the 25 % trimmed mean, `scipy.stats.trim_mean(…, 0.25)`, computed twenty times as fast on
    resamples. It is −inf where more than ⌊n/4⌋ runs diverged.

    >>> float(interquartile_mean([np.array([-np.inf, 0.5, 0.75, 10.0])]))
    0.625
    """
    scores = np.sort(_pooled(sample), axis=-1)
    runs = scores.shape[-1]
    return scores[..., runs // 4 : runs - runs // 4].mean(axis=-1)


def mean_where(values: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """The mean over the last axis of the values where `counted` is true; NaN where it never is.

    >>> mean_where(np.array([[1.0, 3.0], [5.0, 7.0]]), np.array([[True, True], [False, False]]))
    array([ 2., nan])
    """
    number = counted.sum(axis=-1)
    total = np.where(counted, values, 0.0).sum(axis=-1)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def _over_tasks(values: list[np.ndarray]) -> np.ndarray:
    return np.mean(values, axis=0)


def _pooled(sample: Sample) -> np.ndarray:
    return np.concatenate(list(sample), axis=-1)
