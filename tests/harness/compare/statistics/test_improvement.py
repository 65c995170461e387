"""P(A > B), against rliable, SciPy and the list of all pairs."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, mannwhitneyu, norm

from harness.compare.statistics.bootstrap import independently, interval, jointly
from harness.compare.statistics.improvement import (
    improvement_interval,
    probability_of_improvement,
)

INF = np.inf
runs = st.lists(st.sampled_from([-INF, 0.0, 0.5, 1.0, 2.0]), min_size=1, max_size=6)

A = [
    np.array([0.52, 0.48, 0.61, 0.55, 0.50, 0.59]),
    np.array([0.91, 0.95, 0.88, 0.97, 0.93, 0.60]),
    np.array([1.30, 0.20, 0.75, 0.81, 0.66, 1.10]),
]
B = [
    np.array([0.50, 0.49, 0.55, 0.62]),
    np.array([0.92, 0.90, 0.97, 0.85]),
    np.array([0.70, 0.66, 0.72, 0.81]),
]


def test_the_number_of_rliable_1_2_0():
    assert float(probability_of_improvement(A, B)) == pytest.approx(0.5486111111111112, rel=1e-14)


def test_for_one_task_it_is_u_over_all_pairs():
    u = mannwhitneyu(A[0], B[0]).statistic
    assert float(probability_of_improvement(A[:1], B[:1])) == pytest.approx(u / 24)


@settings(max_examples=50, deadline=None)
@given(runs, runs)
def test_it_counts_pairs_and_ties_as_halves(a, b):
    listed = np.mean([1.0 if x > y else 0.5 if x == y else 0.0 for x, y in product(a, b)])
    result = probability_of_improvement([np.array(a)], [np.array(b)])
    assert float(result) == pytest.approx(listed)


@settings(max_examples=50, deadline=None)
@given(runs, runs)
def test_one_of_the_two_is_better(a, b):
    x, y = [np.array(a)], [np.array(b)]
    both = probability_of_improvement(x, y) + probability_of_improvement(y, x)
    assert float(both) == pytest.approx(1)


def test_two_diverged_runs_tie_and_one_loses():
    diverged, poor = [np.array([-INF, -INF])], [np.array([-1e9, -1e9])]
    assert float(probability_of_improvement(diverged, diverged)) == 0.5
    assert float(probability_of_improvement(diverged, poor)) == 0


def test_leading_axes_are_computed_one_by_one():
    rng = np.random.default_rng(0)
    a, b = [rng.normal(size=(4, 3))], [rng.normal(size=(4, 5))]
    alone = [float(probability_of_improvement([a[0][i]], [b[0][i]])) for i in range(4)]
    np.testing.assert_allclose(probability_of_improvement(a, b), alone)


def test_its_interval_is_narrower_for_paired_runs_that_share_their_luck():
    luck = np.random.default_rng(0).normal(size=20)
    a, b = [luck + 0.3], [luck]
    joint, alone = (
        interval(probability_of_improvement, [a, b], resampler, np.random.default_rng(1))
        for resampler in (jointly, independently)
    )
    assert joint.estimate == alone.estimate
    assert joint.low > alone.low
    assert joint.high < alone.high


@pytest.mark.parametrize("resampler", [independently, jointly])
@pytest.mark.parametrize("seeds", [2, 5, 10, 20])
def test_a_complete_win_is_not_certain_and_has_the_exact_binomial_limit(seeds, resampler):
    a, b = [np.arange(seeds) + 100.0], [np.arange(seeds, dtype=float)]
    won = improvement_interval(a, b, resampler, np.random.default_rng(0))
    lost = improvement_interval(b, a, resampler, np.random.default_rng(0))
    limit = binomtest(seeds, seeds).proportion_ci(0.95, "exact").low
    assert (won.estimate, won.low, won.high) == (1, pytest.approx(limit), pytest.approx(1))
    assert (lost.estimate, lost.low, lost.high) == (0, 0, pytest.approx(1 - limit))


def test_an_exact_tie_and_a_split_of_tasks_are_not_certain():
    rng = np.random.default_rng
    same, high = [np.full(5, 0.9)], [np.full(5, 0.9), np.full(5, 0.8)]
    tie = improvement_interval(same, same, jointly, rng(0))
    assert tie.low < 0.3
    assert tie.high > 0.7
    split = improvement_interval(
        high, high[::-1], jointly, rng(0)
    )  # wins one task, loses the other
    assert split.estimate == 0.5
    assert split.low < 0.5 < split.high


def test_unequal_numbers_count_as_the_least():
    a, b = [np.full(20, 2.0), np.full(6, 2.0)], [np.zeros(9), np.zeros(4)]
    found = improvement_interval(a, b, independently, np.random.default_rng(0))
    assert found.low == pytest.approx(0.025 ** (1 / 8))


def test_single_runs_have_no_interval():
    found = improvement_interval([np.ones(1)], [np.zeros(1)], jointly, np.random.default_rng(0))
    assert found.estimate == 1
    assert np.isnan([found.low, found.high]).all()


@pytest.mark.parametrize("effect", [0.0, 1.0, 2.0])
def test_the_interval_of_few_seeds_covers_the_probability(effect):
    """Five seeds, half of the variance shared: a percentile interval covers it 60 % of the time."""
    generator, truth, hits = np.random.default_rng(2), norm.cdf(effect / np.sqrt(2)), 0
    for _ in range(200):
        seed, own = generator.normal(size=5), generator.normal(size=(2, 5))
        a, b = np.sqrt(0.5) * (seed + own) + [[effect], [0]]
        found = improvement_interval([a], [b], jointly, generator, resamples=200)
        hits += found.low <= truth <= found.high
    assert hits / 200 >= 0.9
