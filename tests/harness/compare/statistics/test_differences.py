"""Differences of means, worked by hand and against SciPy's intervals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from harness.compare.statistics.differences import (
    mean_difference,
    mean_paired_difference,
    paired_difference,
    unpaired_difference,
)

INF = np.inf


def rng(seed=0):
    return np.random.default_rng(seed)


def test_paired_it_is_of_the_seeds_for_which_both_converged():
    a = [np.array([3.0, -INF, 5.0, 7.0]), np.array([1.0, 2.0])]
    b = [np.array([1.0, 2.0, -INF, 3.0]), np.array([0.0, 0.0])]
    result = paired_difference(a, b, rng())
    assert result.interval.estimate == pytest.approx(((2 + 4) / 2 + 1.5) / 2)
    assert (result.used, result.left_out) == (4, 2)


def test_unpaired_it_is_of_the_converged_of_each():
    a = [np.array([3.0, -INF, 5.0]), np.array([1.0, 2.0])]
    b = [np.array([1.0, 2.0, -INF, 6.0]), np.array([0.0])]
    result = unpaired_difference(a, b, rng())
    assert result.interval.estimate == pytest.approx(((4 - 3) + (1.5 - 0)) / 2)
    assert (result.used, result.left_out) == (8, 2)


def test_where_no_pair_converged_there_is_no_difference():
    a, b = [np.array([1.0, -INF])], [np.array([-INF, 2.0])]
    result = paired_difference(a, b, rng()).interval
    assert np.isnan([result.estimate, result.low, result.high]).all()
    assert float(mean_difference(a, b)) == -1


def test_a_difference_that_rests_on_one_seed_has_no_interval():
    a, b = [np.array([1.0, -INF, -INF, 2.0])], [np.array([0.0, 1.0, 1.0, -INF])]
    result = paired_difference(a, b, rng())
    assert result.interval.estimate == 1.0
    assert np.isnan(result.interval.low)
    assert (result.used, result.left_out) == (1, 3)


def test_leading_axes_are_computed_one_by_one():
    a, b = [rng(1).normal(size=(3, 4))], [rng(2).normal(size=(3, 4))]
    a[0][0, 0] = b[0][2, 3] = -INF
    for statistic in (mean_difference, mean_paired_difference):
        alone = [float(statistic([a[0][i]], [b[0][i]])) for i in range(3)]
        np.testing.assert_allclose(statistic(a, b), alone, rtol=1e-14)


def test_pairs_make_the_interval_narrow_and_it_is_scipys():
    luck = rng(3).normal(size=12)
    a, b = luck + rng(4).normal(0.1, 0.05, size=12), luck
    theirs = stats.bootstrap(
        (a - b,), np.mean, method="percentile", n_resamples=20_000, rng=rng(5)
    ).confidence_interval
    result = paired_difference([a], [b], rng(), resamples=20_000).interval
    assert (result.low, result.high) == pytest.approx((theirs.low, theirs.high), abs=0.001)
    apart = unpaired_difference([a], [b], rng()).interval
    assert apart.estimate == pytest.approx(result.estimate)
    assert apart.high - apart.low > 5 * (result.high - result.low)


def test_unpaired_it_is_scipys_interval_of_two_samples():
    a, b = rng(3).normal(size=12), rng(4).normal(size=9)
    theirs = stats.bootstrap(
        (a, b),
        lambda a, b, axis: a.mean(axis=axis) - b.mean(axis=axis),
        method="percentile",
        n_resamples=20_000,
        rng=rng(5),
    ).confidence_interval
    result = unpaired_difference([a], [b], rng(), resamples=20_000).interval
    assert (result.low, result.high) == pytest.approx((theirs.low, theirs.high), abs=0.03)


def test_a_difference_of_a_contender_and_itself_is_nothing():
    a = [rng().normal(size=8)]
    result = paired_difference(a, a, rng()).interval
    assert (result.estimate, result.low, result.high) == (0, 0, 0)
