"""Whether two contenders differ at all: rank tests of one pair, exact for usual numbers of runs.

Runs that are paired by seed have Wilcoxon's signed-rank test, others Mann and Whitney's U. With several
tasks both are stratified: ranks are given within each task and their sums added, so a task does not
count for more because its scores are on a wider scale. The tests speak of these tasks, not of others.

A diverged run is the worst of all. In a pair it lost by more than any difference of numbers; where both
runs diverged there is no difference. p is two-sided, twice the smaller tail.

The null distribution is that of all signs, or of all ways to distribute the runs of a task over the
contenders, with the ranks as they are. It is exact with ties too, where SciPy's is not; diverged runs
make many ties. Tasks of more than 50 runs get the normal approximation. Note the smallest p there can
be: five paired seeds of one task never give less than p = 0.0625.

Sources: Wilcoxon, Individual Comparisons by Ranking Methods, Biometrics Bulletin 1945; Mann &
Whitney, Annals of Mathematical Statistics 1947; blocks, Lehmann, Nonparametrics, 1975;
the shift algorithm for exact distributions, Streitberg & Röhmel, Statistical Software Newsletter
1986.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, rankdata

from harness.compare.statistics.bootstrap import Sample

__all__ = ["RANK_SUM", "SIGNED_RANK", "PairTest", "least_p", "rank_sum", "signed_rank"]

SIGNED_RANK, RANK_SUM = "Wilcoxon signed-rank", "Mann–Whitney U"

EXACT = 50  # runs of a task, as in SciPy's Wilcoxon
ROUNDING = 4 * np.finfo(float).eps  # of a score, relative: what its arithmetic may have left


@dataclass(frozen=True)
class PairTest:
    """The result of a test of two contenders.

    Attributes:
        statistic: W⁺, the sum of the ranks of the pairs that a won, or U, the number of pairs of runs
            that a won, ties as halves; over all tasks.
        p: Two-sided p-value.
        runs: Number that took part: of pairs of runs that differ, or of runs of both.
        exact: Whether p is exact; otherwise it is a normal approximation.
        test: Name of the test.
        direction: 1 where the statistic is above its mean under the null hypothesis, so that a is better
            by this test; −1 where it is below, 0 where it is neither.
    """

    statistic: float
    p: float
    runs: int
    exact: bool
    test: str
    direction: int


def signed_rank(a: Sample, b: Sample) -> PairTest:
    """Wilcoxon's test of paired runs. Null hypothesis: either run of a pair wins with probability 1/2.

    Pairs without a difference are left out (Wilcoxon's own rule); if none is left, p is 1.

    Args:
        a: An array for each task.
        b: Likewise; runs at the same index share their seed.

    >>> a = [np.array([0.91, 0.93, 0.92, 0.95, 0.90])]
    >>> b = [np.array([0.90, 0.91, 0.89, 0.91, -np.inf])]
    >>> signed_rank(a, b)
    PairTest(statistic=15.0, p=0.0625, runs=5, exact=True, test='Wilcoxon signed-rank', direction=1)
    """
    differing = [(x[x != y], y[x != y]) for x, y in zip(a, b, strict=True)]
    ranks = [_ranks_of_differences(x, y) for x, y in differing]
    every = np.concatenate(ranks)
    a_won = np.concatenate([x > y for x, y in differing])
    won = float(every[a_won].sum())
    exact = all(len(r) <= EXACT for r in ranks)
    if exact:
        p = _two_sided(_sums_of_signed(_doubled(every)), 2 * won)
    else:
        p = _normal(won - every.sum() / 2, (every**2).sum() / 4)
    return PairTest(won, p, len(every), exact, SIGNED_RANK, _direction(won - every.sum() / 2))


def rank_sum(a: Sample, b: Sample) -> PairTest:
    """Mann and Whitney's test of unpaired runs. Null hypothesis: runs of both are drawn alike.

    If all runs tie, p is 1.

    Args:
        a: An array for each task.
        b: Likewise; the numbers of runs may differ.

    >>> rank_sum([np.array([3.0, 4.0, 5.0])], [np.array([1.0, 2.0, -np.inf])])
    PairTest(statistic=9.0, p=0.1, runs=6, exact=True, test='Mann–Whitney U', direction=1)
    """
    ranks = [rankdata(np.concatenate([x, y])) for x, y in zip(a, b, strict=True)]
    sizes = [len(x) for x in a]
    sums = sum(float(r[:n].sum()) for r, n in zip(ranks, sizes, strict=True))
    exact = all(len(r) <= EXACT for r in ranks)
    if exact:
        distribution = np.ones(1)
        for r, n in zip(ranks, sizes, strict=True):
            distribution = np.convolve(distribution, _sums_of_drawn(_doubled(r), n))
        p = _two_sided(distribution, 2 * sums)
    else:
        p = _normal(*_moments(sums, ranks, sizes))
    u = sums - sum(n * (n + 1) / 2 for n in sizes)
    half = sum(n * (len(r) - n) / 2 for r, n in zip(ranks, sizes, strict=True))
    return PairTest(u, p, sum(map(len, ranks)), exact, RANK_SUM, _direction(u - half))


def least_p(sizes: Sequence[tuple[int, int]], test: str) -> float:
    """The smallest p that a test can give; it gives it where every run of a beats every run of b.

        2 / 2ⁿ for n pairs,   2 / Π_t C(n_t + m_t, n_t) for runs that are not paired

    Args:
        sizes: (n, m), the numbers of runs of a and of b, for each task; of pairs n = m.
        test: Name of the test.

    >>> least_p([(5, 5)], SIGNED_RANK), least_p([(3, 3)], RANK_SUM)
    (0.0625, 0.1)
    """
    if test == SIGNED_RANK:
        ways = 2 ** sum(n for n, _ in sizes)
    else:
        ways = math.prod(math.comb(n + m, n) for n, m in sizes)
    return min(1.0, 2 / ways)


def _ranks_of_differences(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The ranks of |a − b|, where a and b differ. Those with a diverged run tie, above all others.

    Equal differences of decimal scores differ in their last bits, which must not decide about ranks.
    How many bits depends on these scores alone, not on the largest difference: a run that nearly
    diverged leaves the ranks of the others as they are.
    """
    sizes = np.full(len(a), np.inf)
    rounding = np.zeros(len(a))
    finite = np.isfinite(a) & np.isfinite(b)
    x, y = a[finite] / 2, b[finite] / 2  # halves, whose difference is finite
    sizes[finite] = np.abs(x - y)
    rounding[finite] = ROUNDING * np.maximum(np.abs(x), np.abs(y))
    order = np.argsort(sizes, kind="stable")
    ordered, errors = sizes[order], rounding[order]
    larger = np.zeros(len(a), dtype=bool)
    both = slice(0, int(finite.sum()))  # the diverged come last
    gaps = np.diff(ordered[both])
    larger[1 : len(gaps) + 1] = gaps > errors[both][1:] + errors[both][:-1]
    larger[both.stop : both.stop + 1] = True
    ties = np.empty(len(a), dtype=int)
    ties[order] = np.cumsum(larger)
    return rankdata(ties)


def _direction(away: float) -> int:
    """The sign of a statistic less its mean; both are multiples of a quarter."""
    return int(np.sign(away))


def _doubled(ranks: np.ndarray) -> list[int]:
    """Twice the ranks: mean ranks of ties are halves, and only whole numbers can index an array."""
    return [int(r) for r in np.rint(2 * ranks)]


def _sums_of_signed(ranks: Sequence[int]) -> np.ndarray:
    """The distribution of the sum of the ranks with a plus: element s is the probability of sum s."""
    distribution = np.zeros(sum(ranks) + 1)
    distribution[0] = 1.0
    for r in ranks:
        distribution[r:] = (distribution[r:] + distribution[: len(distribution) - r]) / 2
        distribution[:r] /= 2
    return distribution


def _sums_of_drawn(ranks: Sequence[int], n: int) -> np.ndarray:
    """The distribution of the sum of n ranks drawn without replacement, by sum."""
    counts = np.zeros((n + 1, sum(ranks) + 1))  # of subsets by size and sum
    counts[0, 0] = 1.0
    for r in ranks:
        counts[1:, r:] += counts[:-1, : counts.shape[1] - r]
    return counts[n] / math.comb(len(ranks), n)


def _two_sided(distribution: np.ndarray, value: float) -> float:
    at = round(value)
    return min(1.0, 2 * float(min(distribution[: at + 1].sum(), distribution[at:].sum())))


def _moments(sums: float, ranks: Sequence[np.ndarray], sizes: Sequence[int]) -> tuple[float, float]:
    """The distance of the sum of ranks from its mean, and its variance with the ties as they are."""
    away, variance = sums, 0.0
    for r, n in zip(ranks, sizes, strict=True):
        away -= n * r.mean()
        variance += n * (len(r) - n) / max(len(r) - 1, 1) * r.var()
    return away, variance


def _normal(away: float, variance: float) -> float:
    if variance == 0:
        return 1.0
    return min(1.0, 2 * float(norm.sf(abs(away) / math.sqrt(variance))))
