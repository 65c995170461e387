"""The best score to be expected of a budget of k trials of tuning, for every k.

Of n trials with scores x_(1) ≤ … ≤ x_(n) the expected best of k, drawn without replacement, is

    E[max of k] = Σ_i w_i(k) x_(i),   w_i(k) = C(i − 1, k − 1) / C(n, k)

the mean over all subsets of k trials: a U-statistic, and so an unbiased estimate for k trials of
the same search. Dodge et al. draw with replacement, w_i = (i/n)^k − ((i − 1)/n)^k, which is the
expected best of k from the empirical distribution; the same trial can be drawn twice, so it is biased
downwards, the more so the nearer k is to n (at k = n it does not reach the best trial). The two agree in
the limit n ≫ k.

Diverged trials are the d lowest. They have no number, so the expectation is over budgets in which at
least one trial converged, Σ_{i > d} w_i x_(i) / Σ_{i > d} w_i, and P(none) = C(d, k) / C(n, k), the
probability that all k diverge, is given beside it. As a quotient of two unbiased estimates the
expectation is not quite unbiased itself.

The band is the percentile bootstrap over trials. For k near n it is too narrow and at k = n it
cannot go beyond the best trial: the bootstrap is not consistent for a maximum (Bickel & Freedman,
Annals of Statistics 1981). Trust it for k ≪ n. Trials of a quasi-random search or of one that
learns are not independent; for them it is a description.

Sources: Tang et al., Showing Your Work Doesn't Always Work, ACL 2020; Dodge et al., Show Your Work:
Improved Reporting of Experimental Results, EMNLP 2019.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.compare.statistics.bootstrap import (
    CONFIDENCE,
    RESAMPLES,
    independently,
    percentiles,
)

__all__ = ["BudgetCurve", "budget_curve", "expected_maximum", "order_weights"]


@dataclass(frozen=True)
class BudgetCurve:
    """The expected best of budgets of k trials.

    Attributes:
        k: The budgets, (K,).
        expected: The expectation given that a trial converged, (K,); NaN if none of the n did.
        low: The lower end of its band, (K,); NaN where there are fewer than two trials.
        high: The upper end, likewise.
        none: P(all k diverge), (K,).
    """

    k: np.ndarray
    expected: np.ndarray
    low: np.ndarray
    high: np.ndarray
    none: np.ndarray


def budget_curve(
    scores: np.ndarray,
    rng: np.random.Generator,
    *,
    k: np.ndarray | None = None,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
) -> BudgetCurve:
    """The curve of a contender on a task.

    Args:
        scores: Score of each trial, (n,): the mean over its seeds, for example.
        rng: The generator that trials are drawn with.
        k: Budgets from 1 to n; if None all of them, which takes O(n²), and for the band `resamples`
            times as much: choose some where there are thousands of trials.
        resamples: Number of resamples.
        confidence: The probability that the band should cover, in (0, 1).

    >>> curve = budget_curve(np.array([0.5, 0.75, 1.0, -np.inf]), np.random.default_rng(0))
    >>> curve.expected.round(3), curve.none
    (array([0.75 , 0.833, 0.938, 1.   ]), array([0.25, 0.  , 0.  , 0.  ]))
    """
    n = len(scores)
    budgets = np.arange(1, n + 1) if k is None else np.asarray(k)
    weights = order_weights(n, budgets)
    expected = expected_maximum(scores, weights)
    if n < 2:
        low = high = np.full(len(budgets), np.nan)
    else:
        [[drawn]] = independently([[scores]], rng, resamples)
        low, high = percentiles(expected_maximum(drawn, weights), confidence)
    diverged = int(np.isneginf(scores).sum())
    return BudgetCurve(budgets, expected, low, high, weights[:, :diverged].sum(axis=1))


def expected_maximum(scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """E[max of k | a trial converged], (..., K); NaN where none of the n did.

    Args:
        scores: Scores of the n trials, (..., n).
        weights: Weights w_i(k), (K, n), see `order_weights`.

    >>> expected_maximum(np.array([1.0, 3.0, -np.inf]), order_weights(3, np.array([1, 2])))
    array([2.        , 2.33333333])
    """
    ordered = np.sort(scores, axis=-1)
    finite = np.isfinite(ordered)
    total = np.where(finite, ordered, 0.0) @ weights.T
    converged = finite.astype(float) @ weights.T
    none = converged == 0
    return np.where(none, np.nan, total / np.where(none, 1.0, converged))


def order_weights(n: int, k: np.ndarray) -> np.ndarray:
    """w_i(k) of the n order statistics, (K, n), each row of sum 1.

    It starts from w_n = k/n and goes down by w_{j−1} = w_j (j − k) / (j − 1): factors are between 0 and
    1, so nothing overflows, and weights that underflow do not matter.

    >>> order_weights(4, np.array([1, 2, 4]))
    array([[0.25      , 0.25      , 0.25      , 0.25      ],
           [0.        , 0.16666667, 0.33333333, 0.5       ],
           [0.        , 0.        , 0.        , 1.        ]])
    """
    j = np.arange(n, 1, -1)
    factors = np.maximum(j - k[:, None], 0) / (j - 1)
    downwards = np.cumprod(np.concatenate([k[:, None] / n, factors], axis=1), axis=1)
    return downwards[:, ::-1]
