"""Rank tests, against SciPy, Demšar's example and the list of all permutations."""

from __future__ import annotations

import warnings
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from harness.compare.statistics.pairwise import rank_sum, signed_rank

INF = np.inf


# Demšar 2006, Table 2: the area under the curve of C4.5 with and without a tuned m, on 14 data sets
C45 = np.array(
    [0.763, 0.599, 0.954, 0.628, 0.882, 0.936, 0.661, 0.583, 0.775, 1.0, 0.940, 0.619, 0.972, 0.957]
)


C45_M = np.array(
    [0.768, 0.591, 0.971, 0.661, 0.888, 0.931, 0.668, 0.583, 0.838, 1.0, 0.962, 0.666, 0.981, 0.978]
)


def rng(seed=0):
    return np.random.default_rng(seed)


def all_signs(ranks):
    """W⁺ of every assignment of signs."""
    return [sum(r for r, plus in zip(ranks, s, strict=True) if plus) for s in _signs(len(ranks))]


def _signs(n):
    return product([False, True], repeat=n)


def tails(distribution, value):
    distribution = np.asarray(distribution)
    lower, upper = (distribution <= value + 1e-9).mean(), (distribution >= value - 1e-9).mean()
    return min(1.0, 2 * min(lower, upper))


@pytest.mark.parametrize("runs", [1, 2, 5, 13, 50])
def test_without_ties_signed_ranks_are_scipys_exact_test(runs):
    a, b = rng(runs).normal(0.3, 1, size=runs), rng(runs + 100).normal(size=runs)
    result = signed_rank([a], [b])
    assert result.exact
    assert result.runs == runs
    assert result.p == pytest.approx(stats.wilcoxon(a, b, method="exact").pvalue, rel=1e-9)
    assert result.statistic == stats.wilcoxon(a, b, alternative="greater").statistic


def test_for_many_runs_it_is_scipys_approximation():
    a, b = rng(1).normal(0.2, 1, size=60), rng(2).normal(size=60)
    result = signed_rank([a], [b])
    assert not result.exact
    theirs = stats.wilcoxon(a, b, method="asymptotic", correction=False).pvalue
    assert result.p == pytest.approx(theirs, rel=1e-9)


def test_exact_and_approximate_agree_where_they_meet():
    a, b = rng(1).normal(0.2, 1, size=50), rng(2).normal(size=50)
    theirs = stats.wilcoxon(a, b, method="asymptotic").pvalue
    assert signed_rank([a], [b]).p == pytest.approx(theirs, rel=0.02)


def test_ties_keep_it_exact():
    differences = np.array([1.0, 1.0, -1.0, 2.0, 2.0, -3.0, 4.0, 4.0])
    result = signed_rank([differences], [np.zeros(8)])
    ranks = stats.rankdata(np.abs(differences))
    assert result.p == tails(all_signs(ranks), ranks[differences > 0].sum())
    assert result.exact


def test_demsars_example_is_significant():
    """Demšar splits the two zero differences between the sums, Wilcoxon leaves them out: as SciPy."""
    result = signed_rank([C45_M], [C45])
    assert result.runs == 12
    theirs = stats.wilcoxon(np.round(C45_M - C45, 3), zero_method="wilcox", method="asymptotic")
    assert min(result.statistic, 78 - result.statistic) == theirs.statistic
    assert result.p == pytest.approx(theirs.pvalue, abs=0.004)  # an approximation, for 12 pairs
    assert result.p < 0.05
    ranks = stats.rankdata(np.abs(np.round(C45_M - C45, 3)))  # the paper's sums, 93 and 12
    gained, lost = C45_M > C45, C45_M < C45
    assert (ranks[gained].sum() + 1.5, ranks[lost].sum() + 1.5) == (93, 12)


def test_equal_decimal_differences_tie_though_their_bits_differ():
    a, b = np.array([0.3, 0.9, 0.5]), np.array([0.1, 0.7, 0.7])  # ±0.2 each
    assert len({*np.abs(a - b)}) > 1
    assert signed_rank([a], [b]).statistic == 4.0


NEARLY_DIVERGED = [-1e13, -1.7e33, -1e300, -1.7e308]


@pytest.mark.parametrize("large", NEARLY_DIVERGED)
def test_one_large_difference_leaves_the_ranks_of_the_others(large):
    a, b = rng(3).normal(0.9, 0.01, 9), rng(4).normal(0.9, 0.01, 9)
    usual = signed_rank([np.append(a, 0.6)], [np.append(b, 0.9)])
    found = signed_rank([np.append(a, large)], [np.append(b, 0.9)])
    assert (found.p, found.statistic) == (usual.p, usual.statistic)
    if abs(large) < 1e30:
        theirs = stats.wilcoxon(np.append(a - b, large), method="exact")
        assert found.p == pytest.approx(theirs.pvalue, rel=1e-9)


@pytest.mark.parametrize("large", NEARLY_DIVERGED)
def test_lost_pairs_of_the_reports_keep_their_signs(large):
    falling = np.array([0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, large])
    assert signed_rank([np.full(8, 0.9)], [falling]).p == 2 / 2**8
    a = np.array([0.91, 0.82, 0.73, 0.94, 0.85, large])
    b = np.array([0.90, 0.80, 0.70, 0.90, 0.80, 0.90])
    assert signed_rank([a], [b]).p == 0.4375
    assert signed_rank([b], [a]).direction == -signed_rank([a], [b]).direction == -1


def test_a_diverged_run_is_worse_than_any_number():
    a, b = np.array([0.0, 1.7e308, -INF, 0.5]), np.array([0.1, -1.7e308, 0.0, 0.2])
    # differences −0.1, 3.4e308, −∞, 0.3: ranks 1, 3, 4, 2
    assert signed_rank([a], [b]).statistic == 3 + 2


@pytest.mark.parametrize("scale", [1e-300, 1e-9, 1.0, 1e9, 1e290])
@pytest.mark.parametrize("offset", [0.0, 1.0, 1e6])
def test_decimal_differences_tie_on_any_scale(scale, offset):
    a = scale * (offset + np.array([0.3, 0.9, 0.5, 0.7]))
    b = scale * (offset + np.array([0.1, 0.7, 0.7, 0.4]))  # 0.2, 0.2, −0.2 and 0.3
    assert signed_rank([a], [b]).statistic == 8


def test_the_direction_is_that_of_the_statistic():
    won, lost = np.array([3.0, 4.0, 5.0]), np.array([1.0, 2.0, -INF])
    for test in (signed_rank, rank_sum):
        assert (test([won], [lost]).direction, test([lost], [won]).direction) == (1, -1)
        assert test([won], [won]).direction == 0
        assert test([won, lost], [lost, won]).direction == 0


def test_with_several_tasks_ranks_are_within_each():
    a, b = (
        [np.array([2.0, 1.0, 4.0]), np.array([300.0, 500.0])],
        [np.zeros(3), np.array([400.0, 0])],
    )
    result = signed_rank(a, b)
    ranks = [2, 1, 3, 1, 2]
    assert result.statistic == 2 + 1 + 3 + 2
    assert result.p == tails(all_signs(ranks), 8)
    scaled = signed_rank([a[0] * 1000, a[1]], [b[0], b[1]])
    assert scaled == result


def test_who_diverged_lost_by_more_than_any_number():
    a = np.array([0.5, 0.6, -INF, 0.9, -INF])
    b = np.array([0.1, 0.5, 0.1, -INF, -INF])
    result = signed_rank([a], [b])
    # differences 0.4, 0.1, −∞, +∞, and none: ranks 2, 1, 3.5, 3.5
    assert (result.statistic, result.runs) == (2 + 1 + 3.5, 4)
    assert result.p == tails(all_signs([2, 1, 3.5, 3.5]), 6.5)


@pytest.mark.parametrize("value", [0.5, -INF])
def test_all_equal_gives_one_and_no_warning(value):
    same = [np.full(6, value)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert signed_rank(same, same).p == 1
        assert rank_sum(same, same).p == 1
        many = [np.full(60, value)]
        assert signed_rank(many, many).p == 1
        assert rank_sum(many, many).p == 1


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=1, max_size=12))
def test_who_is_called_a_does_not_matter(pairs):
    a, b = np.array(pairs, dtype=float).T
    for test in (signed_rank, rank_sum):
        assert test([a], [b]).p == pytest.approx(test([b], [a]).p)


@pytest.mark.parametrize(("n", "m"), [(1, 4), (5, 5), (7, 12), (25, 25)])
def test_without_ties_rank_sums_are_scipys_exact_test(n, m):
    a, b = rng(n).normal(0.4, 1, size=n), rng(m + 50).normal(size=m)
    result = rank_sum([a], [b])
    theirs = stats.mannwhitneyu(a, b, method="exact")
    assert (result.statistic, result.p) == pytest.approx(
        (theirs.statistic, theirs.pvalue), rel=1e-9
    )
    assert (result.exact, result.runs) == (True, n + m)


def test_for_many_runs_rank_sums_are_scipys_approximation_with_ties():
    a, b = (
        rng(1).integers(0, 9, size=40).astype(float),
        rng(2).integers(1, 10, size=30).astype(float),
    )
    result = rank_sum([a], [b])
    theirs = stats.mannwhitneyu(a, b, method="asymptotic", use_continuity=False)
    assert not result.exact
    assert (result.statistic, result.p) == pytest.approx(
        (theirs.statistic, theirs.pvalue), rel=1e-9
    )


def test_diverged_runs_share_the_lowest_rank_and_it_stays_exact():
    a, b = np.array([0.9, 0.8, 0.7, 0.6]), np.array([0.75, -INF, -INF, -INF])
    result = rank_sum([a], [b])
    ranks = np.array([8, 7, 5, 4, 6, 2, 2, 2])
    sums = [ranks[list(chosen)].sum() for chosen in combinations(range(8), 4)]
    assert result.p == pytest.approx(tails(sums, 24))
    assert result.statistic == 24 - 10


def test_with_several_tasks_all_ways_to_hand_out_the_runs_are_counted():
    a = [np.array([3.0, 5.0]), np.array([30.0, 10.0, 50.0])]
    b = [np.array([1.0, 3.0, 2.0]), np.array([20.0, -INF])]
    result = rank_sum(a, b)
    first, second = (stats.rankdata(np.concatenate(pair)) for pair in zip(a, b, strict=True))
    sums = [
        first[list(x)].sum() + second[list(y)].sum()
        for x in combinations(range(5), 2)
        for y in combinations(range(5), 3)
    ]
    assert result.p == pytest.approx(tails(sums, first[:2].sum() + second[:3].sum()))
    assert result.runs == 10


def test_the_stratified_approximation_has_the_exact_mean_and_variance():
    """51 runs on one of the tasks: the moments of its normal approximation, by drawing anew."""
    a, b = [rng(1).normal(0.5, 1, 26), rng(2).normal(size=3)], [rng(3).normal(size=25), np.ones(2)]
    result = rank_sum(a, b)
    generator = rng(4)
    drawn = np.zeros(20_000)
    for x, y in zip(a, b, strict=True):
        ranks = stats.rankdata(np.concatenate([x, y]))
        drawn += generator.permuted(np.tile(ranks, (20_000, 1)), axis=1)[:, : len(x)].sum(axis=1)
    sums = result.statistic + 26 * 27 / 2 + 3 * 4 / 2
    z = (sums - drawn.mean()) / drawn.std()
    assert not result.exact
    assert result.p == pytest.approx(2 * stats.norm.sf(abs(z)), abs=0.01)


def test_under_the_null_hypothesis_p_is_not_too_small_too_often():
    generator = rng(11)
    small = {signed_rank: 0, rank_sum: 0}
    for _ in range(250):
        a, b = [[generator.integers(0, 6, 7).astype(float) for _ in range(2)] for _ in range(2)]
        for test in small:
            small[test] += test(a, b).p <= 0.05
    assert max(small.values()) / 250 < 0.05 + 3 * 0.014
