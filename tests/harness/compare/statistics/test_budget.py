"""The expected best of k trials, against every subset of k."""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.compare.statistics.budget import budget_curve, expected_maximum, order_weights

INF = np.inf


def rng(seed=0):
    return np.random.default_rng(seed)


def by_subsets(scores, k):
    """The mean of the best of those subsets with a converged trial, and the share of the others."""
    best = np.array([max(subset) for subset in combinations(scores, k)])
    converged = best[np.isfinite(best)]
    return (converged.mean() if len(converged) else np.nan), np.mean(np.isneginf(best))


@pytest.mark.parametrize("diverged", [0, 1, 4, 8, 9])
def test_it_is_the_mean_over_all_subsets(diverged):
    scores = rng(1).normal(size=9)
    scores[:diverged] = -INF
    rng(2).shuffle(scores)
    curve = budget_curve(scores, rng(), resamples=10)
    listed = np.array([by_subsets(scores, k) for k in range(1, 10)])
    np.testing.assert_array_equal(curve.k, np.arange(1, 10))
    np.testing.assert_allclose(curve.expected, listed[:, 0], rtol=1e-12)
    np.testing.assert_allclose(curve.none, listed[:, 1], rtol=1e-12, atol=1e-15)


def test_it_is_unbiased():
    """Over samples of 8 uniform numbers its mean is k / (k + 1), the expected maximum of k."""
    k = np.arange(1, 9)
    result = expected_maximum(rng().random((40_000, 8)), order_weights(8, k))
    np.testing.assert_allclose(result.mean(axis=0), k / (k + 1), atol=0.003)


def test_dodges_formula_is_lower_and_tends_to_it():
    def dodge(scores, k):
        i, n = np.arange(1, len(scores) + 1), len(scores)
        return ((i / n) ** k - ((i - 1) / n) ** k) @ np.sort(scores)

    few, many = rng(3).random(10), rng(3).random(5000)
    ours = [expected_maximum(x, order_weights(len(x), np.array([5])))[0] for x in (few, many)]
    assert dodge(few, 5) < ours[0] - 0.01
    assert dodge(many, 5) == pytest.approx(ours[1], abs=2e-4)


def test_ten_thousand_trials_are_exact():
    k = np.array([1, 2, 10, 500, 5000, 9999, 10_000])
    weights = order_weights(10_000, k)
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-12)
    for row, budget in zip(weights, k.tolist(), strict=True):
        for i in (budget, 9990, 10_000):
            if i >= budget:
                exact = comb(i - 1, budget - 1) / comb(10_000, budget)  # of whole numbers
                assert row[i - 1] == pytest.approx(exact, rel=1e-10, abs=1e-300)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.one_of(st.just(-INF), st.floats(-100, 100)), min_size=1, max_size=15), st.randoms()
)
def test_it_rises_with_k_whatever_the_order(scores, random):
    curve = budget_curve(np.array(scores), rng(), resamples=2)
    assert np.all(np.diff(curve.none) <= 1e-12)
    if max(scores) > -INF:
        assert np.all(np.diff(curve.expected) >= -1e-9)
        assert curve.expected[-1] == pytest.approx(max(scores))
    shuffled = np.array(random.sample(scores, len(scores)))
    np.testing.assert_allclose(budget_curve(shuffled, rng(), resamples=2).expected, curve.expected)


def test_the_band_holds_the_truth_for_small_budgets():
    """Coverage of E[max of 3] of uniform numbers from 30 trials, 300 times: nominally 95 %."""
    hits = 0
    generator = rng(5)
    for _ in range(300):
        result = budget_curve(generator.random(30), generator, k=np.array([3]), resamples=400)
        hits += result.low[0] <= 0.75 <= result.high[0]
    assert hits / 300 == pytest.approx(0.93, abs=0.04)


def test_the_band_cannot_go_beyond_the_best_trial():
    scores = rng(0).random(20)
    curve = budget_curve(scores, rng())
    assert curve.high[-1] == scores.max()
    assert np.all(curve.low <= curve.expected)
    assert np.all(curve.expected <= curve.high + 1e-12)


def test_one_converged_trial_of_many_has_no_band():
    curve = budget_curve(np.array([0.5, -INF, -INF, -INF, -INF]), rng())
    np.testing.assert_array_equal(curve.expected, 0.5)
    assert np.isnan(curve.low).all()
    np.testing.assert_allclose(curve.none, [0.8, 0.6, 0.4, 0.2, 0])


def test_a_single_trial_has_no_band():
    curve = budget_curve(np.array([0.5]), rng())
    assert curve.expected.tolist() == [0.5]
    assert np.isnan([*curve.low, *curve.high]).all()


def test_where_all_trials_diverged_there_is_nothing_to_expect():
    curve = budget_curve(np.full(4, -INF), rng())
    assert np.isnan([curve.expected, curve.low, curve.high]).all()
    np.testing.assert_allclose(curve.none, 1)
