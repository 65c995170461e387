"""The probability that a run of one contender beats a run of another.

    P(A > B) = 1/T Σ_t 1/(n_t m_t) Σ_i Σ_j S(a_ti, b_tj),   S = 1 if a > b, 1/2 if a = b, 0 if a < b

over all pairs of runs of a task, averaged over T tasks: Mann and Whitney's U divided by n m. A
diverged run loses to every converged one; two diverged runs are a tie.

Source: Agarwal et al., Deep Reinforcement Learning at the Edge of the Statistical Precipice,
NeurIPS 2021, Section 4.3 (their S is that of Mann & Whitney 1947, ties counted half).
"""

from __future__ import annotations

import numpy as np

from harness.compare.statistics.bootstrap import Sample

__all__ = ["probability_of_improvement"]


def probability_of_improvement(a: Sample, b: Sample) -> np.ndarray:
    """P(A > B), of shape (...).

    Args:
        a: An array (..., runs) for each task.
        b: Likewise; the numbers of runs may differ.

    >>> a, b = [np.array([3.0, 2.0, -np.inf])], [np.array([1.0, -np.inf])]
    >>> float(probability_of_improvement(a, b))
    0.75

    Its interval is that of any statistic; runs that share their seeds are drawn jointly:

    >>> from harness.compare.statistics.bootstrap import independently, interval
    >>> a, b = [np.array([3.0, 2.0, 4.0, 5.0])], [np.array([1.0, 2.5, 3.5, 0.0])]
    >>> interval(probability_of_improvement, [a, b], independently, np.random.default_rng(0))
    Interval(estimate=0.8125, low=0.4375, high=1.0)
    """
    return np.mean([_of_task(x, y) for x, y in zip(a, b, strict=True)], axis=0)


def _of_task(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The mean of S over all pairs; S = (1[a > b] + 1[a ≥ b]) / 2."""
    beaten = np.zeros(a.shape[:-1])
    for j in range(b.shape[-1]):  # all pairs of all resamples at once would be large
        opponent = b[..., j, None]
        beaten += (a > opponent).sum(axis=-1) + (a >= opponent).sum(axis=-1)
    return beaten / (2 * a.shape[-1] * b.shape[-1])
