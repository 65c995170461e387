"""The probability that a run of one contender beats a run of another.

    P(A > B) = 1/T Σ_t 1/(n_t m_t) Σ_i Σ_j S(a_ti, b_tj),   S = 1 if a > b, 1/2 if a = b, 0 if a < b

over all pairs of runs of a task, averaged over T tasks: Mann and Whitney's U divided by n m. A
diverged run loses to every converged one; two diverged runs are a tie.

Its interval is the percentile bootstrap, which knows only outcomes that occurred: after a complete win
all resamples are complete wins, and it would be [1, 1]. But n pairs of runs miss an outcome of
probability 1 − q with probability qⁿ. So with q = (α/2)^(1/n) a share 1 − q of all outcomes may be such
as none of the runs shows, and the interval reaches at least from q P to q P + 1 − q. After a complete
win of 5, 10 and 20 pairs it begins at 0.48, 0.69 and 0.83, the exact binomial limit (Clopper & Pearson,
Biometrika 1934).

Source: Agarwal et al., Deep Reinforcement Learning at the Edge of the Statistical Precipice,
NeurIPS 2021, Section 4.3 (their S is that of Mann & Whitney 1947, ties counted half).
"""

from __future__ import annotations

import numpy as np

from harness.compare.statistics.bootstrap import (
    CONFIDENCE,
    RESAMPLES,
    Interval,
    Resampler,
    Sample,
    interval,
    single_runs,
)

__all__ = ["improvement_interval", "probability_of_improvement"]


def probability_of_improvement(a: Sample, b: Sample) -> np.ndarray:
    """P(A > B), of shape (...).

    Args:
        a: An array (..., runs) for each task.
        b: Likewise; the numbers of runs may differ.

    >>> a, b = [np.array([3.0, 2.0, -np.inf])], [np.array([1.0, -np.inf])]
    >>> float(probability_of_improvement(a, b))
    0.75
    """
    return np.mean([_of_task(x, y) for x, y in zip(a, b, strict=True)], axis=0)


def improvement_interval(
    a: Sample,
    b: Sample,
    resampler: Resampler,
    rng: np.random.Generator,
    *,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
) -> Interval:
    """P(A > B) with its interval. Of runs that share their seeds, the resampler is `jointly`.

    >>> from harness.compare.statistics.bootstrap import independently
    >>> a, b = [np.array([3.0, 2.0, 4.0, 5.0])], [np.array([1.0, 2.5, 3.5, 0.0])]
    >>> result = improvement_interval(a, b, independently, np.random.default_rng(0))
    >>> print(f"{result.estimate:.4f} [{result.low:.3f}, {result.high:.3f}]")
    0.8125 [0.323, 1.000]
    """
    result = interval(
        probability_of_improvement,
        [a, b],
        resampler,
        rng,
        resamples=resamples,
        confidence=confidence,
    )
    if single_runs([a, b]):
        return result
    # The least number of runs, on each task: of unequal numbers the product is bounded by it
    runs = len(a) * min(len(scores) for sample in (a, b) for scores in sample)
    seen = ((1 - confidence) / 2) ** (1 / runs)
    low = seen * result.estimate
    return Interval(result.estimate, min(result.low, low), max(result.high, low + 1 - seen))


def _of_task(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The mean of S over all pairs; S = (1[a > b] + 1[a ≥ b]) / 2."""
    beaten = np.zeros(a.shape[:-1])
    for j in range(b.shape[-1]):  # all pairs of all resamples at once would be large
        opponent = b[..., j, None]
        beaten += (a > opponent).sum(axis=-1) + (a >= opponent).sum(axis=-1)
    return beaten / (2 * a.shape[-1] * b.shape[-1])
