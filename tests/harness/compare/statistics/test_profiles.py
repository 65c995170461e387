"""Profiles and the benchmark score, worked by hand and by numerical integration."""

from __future__ import annotations

import numpy as np
import pytest

from harness.compare.statistics.profiles import (
    benchmark_score,
    performance_profile,
    performance_ratios,
    run_score_distribution,
)

INF = np.inf

# Three solvers on four workloads; nobody solves the last
TIMES = np.array(
    [
        [100.0, 300.0, INF, INF],
        [150.0, 100.0, 80.0, INF],
        [400.0, 500.0, 40.0, INF],
    ]
)
RATIOS = np.array(
    [
        [1.0, 3.0, INF, INF],
        [1.5, 1.0, 2.0, INF],
        [4.0, 5.0, 1.0, INF],
    ]
)


def test_ratios_are_to_the_fastest():
    np.testing.assert_array_equal(performance_ratios(TIMES), RATIOS)


def test_the_benchmark_score_by_hand():
    # 3 + 1 of 4·3;  2.5 + 3 + 2 of 12;  0 + 0 + 3 of 12
    np.testing.assert_allclose(benchmark_score(RATIOS), [4 / 12, 7.5 / 12, 3 / 12])


def test_the_benchmark_score_is_the_integral_of_the_profile():
    rng = np.random.default_rng(0)
    times = rng.lognormal(size=(5, 7))
    times[rng.random(times.shape) < 0.2] = INF
    ratios = performance_ratios(times)
    tau = np.linspace(1, 4, 300_001)
    integral = np.trapezoid(performance_profile(ratios, tau[::10]), tau[::10], axis=-1) / 3
    np.testing.assert_allclose(benchmark_score(ratios), integral, atol=1e-4)


def test_a_solver_that_is_always_fastest_has_score_one_and_one_that_misses_zero():
    ratios = performance_ratios(np.array([[1.0, 2.0], [INF, INF]]))
    np.testing.assert_array_equal(benchmark_score(ratios), [1, 0])


def test_profiles_by_hand():
    tau = np.array([1.0, 1.9, 2.0, 3.0, 5.0, 100.0])
    expected = np.array([[1, 1, 1, 2, 2, 2], [1, 2, 3, 3, 3, 3], [1, 1, 1, 1, 3, 3]]) / 4
    np.testing.assert_array_equal(performance_profile(RATIOS, tau), expected)


def test_the_run_score_distribution_counts_runs_above():
    sample = [np.array([0.2, 0.4, 0.4, -INF]), np.array([0.3, 0.9])]
    tau = np.array([-1.0, 0.2, 0.4, 0.9])
    expected = np.mean([[3 / 4, 2 / 4, 0, 0], [1, 1, 1 / 2, 0]], axis=0)
    np.testing.assert_allclose(run_score_distribution(sample, tau), expected)


def test_the_area_under_it_is_the_mean():
    """Agarwal et al., Section 4: for scores of [0, 1]."""
    scores = np.random.default_rng(0).random(30)
    tau = np.linspace(0, 1, 20_001)
    area = np.trapezoid(run_score_distribution([scores], tau), tau)
    assert area == pytest.approx(scores.mean(), abs=1e-4)
