"""Intervals, against every resample that there is, SciPy, and repeated sampling."""

from __future__ import annotations

import time
from itertools import product

import numpy as np
import pytest
from scipy import stats

from harness.compare.statistics.aggregates import (
    interquartile_mean,
    mean,
    median,
    optimality_gap,
)
from harness.compare.statistics.bootstrap import independently, interval, jointly, percentiles

INF = np.inf


def rng(seed=0):
    return np.random.default_rng(seed)


def normal_samples(*shape, seed=0):
    return list(rng(seed).normal(size=shape))


def test_runs_are_drawn_within_their_task():
    sample = [np.arange(3.0), 10 + np.arange(5.0)]
    [[first, second]] = independently([sample], rng(), 4000)
    assert first.shape == (4000, 3)
    assert second.shape == (4000, 5)
    for drawn, scores in ((first, sample[0]), (second, sample[1])):
        values, counts = np.unique(drawn, return_counts=True)
        np.testing.assert_array_equal(values, scores)
        np.testing.assert_allclose(counts / drawn.size, 1 / len(scores), atol=0.02)


def test_jointly_the_same_seeds_are_drawn_of_all_but_not_of_all_tasks():
    sample = [np.arange(6.0), np.arange(6.0)]
    [a, b, c] = jointly([sample, sample, sample], rng(), 500)
    for other in (b, c):
        np.testing.assert_array_equal(a, other)
    assert abs(np.corrcoef(a[0].ravel(), a[1].ravel())[0, 1]) < 0.05


def test_independently_they_have_nothing_in_common():
    sample = [np.arange(6.0)]
    [[a], [b]] = independently([sample, sample], rng(), 1000)
    assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.05


def test_unequal_numbers_of_runs_cannot_be_paired():
    with pytest.raises(ValueError, match=r"by contender and task: \[\[3, 2\], \[3, 4\]\]"):
        jointly([[np.ones(3), np.ones(2)], [np.ones(3), np.ones(4)]], rng(), 10)


def test_the_interval_is_that_of_all_resamples():
    """27 resamples of one task times 27 of the other, each as likely: the exact distribution."""
    first, second = np.array([1.0, 2.0, 5.0]), np.array([0.0, 4.0, 4.5])
    exact = [
        (np.mean(x) + np.mean(y)) / 2
        for x, y in product(product(first, repeat=3), product(second, repeat=3))
    ]
    result = interval(mean, [[first, second]], independently, rng(), resamples=100_000)
    low, high = np.quantile(exact, [0.025, 0.975], method="inverted_cdf")
    assert result.estimate == pytest.approx(np.mean([first, second]))
    # a grid of 1/6: the quantile of a sample may be one value off
    assert result.low == pytest.approx(low, abs=0.17)
    assert result.high == pytest.approx(high, abs=0.17)
    drawn = mean(independently([[first, second]], rng(), 100_000)[0])
    np.testing.assert_allclose(drawn.std(), np.std(exact), rtol=0.01)


@pytest.mark.parametrize("statistic", [mean, median, interquartile_mean])
def test_for_one_task_it_is_scipys_percentile_interval(statistic):
    x = rng(3).exponential(size=25)
    result = interval(statistic, [[x]], independently, rng(1), resamples=20_000)
    theirs = stats.bootstrap(
        (x,),
        lambda x, axis: statistic([np.moveaxis(x, axis, -1)]),
        method="percentile",
        n_resamples=20_000,
        rng=rng(2),
    ).confidence_interval
    assert (result.low, result.high) == pytest.approx((theirs.low, theirs.high), abs=0.02)


def test_jointly_it_is_scipys_paired_interval():
    x = rng(3).normal(size=15)
    y = x + rng(4).normal(0.2, 0.1, size=15)
    result = interval(lambda a, b: mean(b) - mean(a), [[x], [y]], jointly, rng(1), resamples=20_000)
    theirs = stats.bootstrap(
        (x, y),
        lambda x, y, axis: (y - x).mean(axis=axis),
        paired=True,
        method="percentile",
        n_resamples=20_000,
        rng=rng(2),
    ).confidence_interval
    assert (result.low, result.high) == pytest.approx((theirs.low, theirs.high), abs=0.003)


@pytest.mark.parametrize(("runs", "covered"), [(5, 0.83), (20, 0.93)])
def test_how_often_the_interval_covers_the_mean(runs, covered):
    """800 experiments: the standard error of a share of 0.83 is 0.013; three of them are allowed."""
    generator = rng(7)
    hits = 0
    for _ in range(800):
        sample = [generator.normal(size=runs)]
        result = interval(mean, [sample], independently, generator, resamples=500)
        hits += result.low <= 0 <= result.high
    assert hits / 800 == pytest.approx(covered, abs=0.04)


def test_the_same_generator_gives_the_same_interval():
    sample = normal_samples(2, 10)
    first, again, other = (interval(mean, [sample], independently, rng(seed)) for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_the_ends_cut_off_as_much_on_either_side():
    low, high = percentiles(rng().permutation(1001).astype(float), confidence=0.9)
    assert (low, high) == (50, 950)


def test_undefined_resamples_may_be_anything():
    values = np.arange(2000.0)
    few, many = values.copy(), values.copy()
    few[1000:1020] = np.nan
    many[1000:1060] = np.nan
    low, high = percentiles(np.stack([values, few, many], axis=1))
    np.testing.assert_array_equal(low, [49, 29, np.nan])
    np.testing.assert_array_equal(high, [1950, 1970, np.nan])


def test_the_low_end_is_minus_infinity_where_too_many_may_diverge():
    sample = [np.array([0.8, 0.9, 1.0, -INF])]
    result = interval(median, [sample], independently, rng())
    assert result.estimate == pytest.approx(0.85)
    assert result.low == -INF
    assert result.high == 1.0


def test_where_the_median_diverged_there_is_no_number():
    result = interval(median, [[np.array([0.8, -INF, -INF])]], independently, rng())
    assert np.isnan(result.estimate)
    assert result.low == -INF


def test_the_mean_of_one_converged_run_of_five_has_no_interval():
    sample = [np.array([0.9, -INF, -INF, -INF, -INF])]
    result = interval(mean, [sample], independently, rng())
    assert result.estimate == 0.9
    assert np.isnan([result.low, result.high]).all()


def test_rare_divergence_leaves_the_mean_its_interval():
    sample = [np.append(rng().normal(size=19), -INF)]
    result = interval(mean, [sample], independently, rng())
    assert result.low < result.estimate < result.high


def test_a_single_run_has_no_interval():
    result = interval(mean, [[np.array([0.5]), np.array([0.7, 0.9])]], independently, rng())
    assert result.estimate == pytest.approx(0.65)
    assert np.isnan([result.low, result.high]).all()


def test_ten_contenders_take_less_than_a_second():
    contenders = [normal_samples(5, 10, seed=seed) for seed in range(10)]
    generator = rng()
    start = time.process_time()
    for sample in contenders:
        for statistic in (mean, median, interquartile_mean, optimality_gap):
            interval(statistic, [sample], independently, generator)
    assert time.process_time() - start < 1.5  # 0.2 to 0.3 s, and other work on the machine
