"""Aggregates, against rliable's and SciPy's numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import trim_mean

from harness.compare.statistics.aggregates import (
    interquartile_mean,
    mean,
    median,
    optimality_gap,
)

STATISTICS = [mean, median, interquartile_mean, optimality_gap]
INF = np.inf
scores = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=9)

# Six runs on each of three tasks
RUNS = np.array(
    [
        [0.52, 0.91, 1.30],
        [0.48, 0.95, 0.20],
        [0.61, 0.88, 0.75],
        [0.55, 0.97, 0.81],
        [0.50, 0.93, 0.66],
        [0.59, 0.60, 1.10],
    ]
)


@pytest.mark.parametrize(
    ("statistic", "published"),
    [
        (mean, 0.7394444444444445),
        (interquartile_mean, 0.7289999999999999),
        (optimality_gap, 0.2827777777777778),
    ],
)
def test_the_numbers_of_rliable_1_2_0(statistic, published):
    assert float(statistic(list(RUNS.T))) == pytest.approx(published, rel=1e-14)


@pytest.mark.parametrize("runs", range(1, 14))
def test_the_interquartile_mean_is_scipys_trimmed_mean(runs):
    x = np.random.default_rng(runs).normal(size=(3, runs))
    np.testing.assert_allclose(interquartile_mean([x]), trim_mean(x, 0.25, axis=-1), rtol=1e-13)


def test_the_mean_and_the_gap_are_of_the_converged():
    sample = [np.array([0.2, 0.4, -INF]), np.array([1.5, -INF, -INF])]
    assert float(mean(sample)) == pytest.approx((0.3 + 1.5) / 2)
    assert float(optimality_gap(sample)) == pytest.approx((0.7 + 0) / 2)


def test_to_diverge_on_the_hard_task_does_not_raise_the_mean():
    easy, hard = np.full(4, 0.9), np.array([0.5, 0.5, 0.5, -INF])
    assert float(mean([easy, hard])) == pytest.approx(0.7)  # pooled it would be 0.73


@pytest.mark.parametrize("statistic", [mean, optimality_gap])
def test_without_a_converged_run_of_a_task_they_are_not_defined(statistic):
    assert np.isnan(statistic([np.array([0.5, 0.6]), np.array([-INF, -INF])]))


@pytest.mark.parametrize(
    ("diverged", "middle", "trimmed"),
    [(0, 4.5, 4.5), (1, 4.5, 4.5), (2, 4.5, 4.5), (3, 4.5, -INF), (4, -INF, -INF), (8, -INF, -INF)],
)
def test_diverged_runs_are_the_worst_until_they_reach_the_middle(diverged, middle, trimmed):
    sample = [np.where(np.arange(8) < diverged, -INF, np.arange(1.0, 9))]
    assert float(median(sample)) == middle
    assert float(interquartile_mean(sample)) == trimmed


@pytest.mark.parametrize("statistic", STATISTICS)
def test_leading_axes_are_computed_one_by_one(statistic):
    rng = np.random.default_rng(0)
    sample = [rng.normal(size=(5, 4)), rng.normal(size=(5, 7))]
    sample[0][0, :2] = sample[1][3, :] = -INF
    together = statistic(sample)
    assert together.shape == (5,)
    alone = [float(statistic([task[row] for task in sample])) for row in range(5)]
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize("statistic", STATISTICS)
@settings(max_examples=25, deadline=None)
@given(st.lists(scores, min_size=1, max_size=3), st.randoms())
def test_the_order_of_runs_and_tasks_does_not_matter(statistic, tasks, random):
    shuffled = [random.sample(task, len(task)) for task in random.sample(tasks, len(tasks))]
    before = statistic([np.array(task) for task in tasks])
    after = statistic([np.array(task) for task in shuffled])
    np.testing.assert_allclose(after, before, rtol=1e-9, atol=1e-9)
