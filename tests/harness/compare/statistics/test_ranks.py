"""Mean ranks and their tests, against Demšar's worked example and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import friedmanchisquare

from harness.compare.statistics.ranks import critical_difference, rank_contenders

# Demšar 2006, Table 6: ranks of C4.5, C4.5+m, C4.5+cf and C4.5+m+cf on 14 data sets
DEMSAR = np.array(
    [
        [4, 3, 2, 1],
        [1, 2, 3, 4],
        [4, 1, 2, 3],
        [4, 1, 3, 2],
        [4, 2, 3, 1],
        [1, 2.5, 4, 2.5],
        [3, 2, 4, 1],
        [2.5, 2.5, 4, 1],
        [4, 3, 2, 1],
        [2.5, 2.5, 2.5, 2.5],
        [4, 2.5, 1, 2.5],
        [3, 2, 4, 1],
        [4, 1, 2, 3],
        [3, 1, 4, 2],
    ]
)


def test_demsars_worked_example():
    result = rank_contenders(-DEMSAR)
    np.testing.assert_allclose(result.ranks, [3.143, 2.000, 2.893, 1.964], atol=5e-4)
    assert result.critical == pytest.approx(1.25, abs=0.005)
    uncorrected = (
        12 * 14 / 20 * ((result.ranks**2).sum() - 25)
    )  # the paper's χ², without ties: 9.28
    assert uncorrected == pytest.approx(9.28, abs=0.005)
    assert result.statistic > uncorrected
    assert result.p < 0.05


@pytest.mark.parametrize(
    ("contenders", "q"),
    list(enumerate([1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164], 2)),
)
def test_the_critical_values_of_demsars_table_5(contenders, q):
    result = critical_difference(contenders, 30) / np.sqrt(contenders * (contenders + 1) / 180)
    assert result == pytest.approx(q, abs=1.5e-3)


def test_friedmans_test_is_scipys():
    scores = np.random.default_rng(0).normal([0, 0.5, 1, 0], 1, size=(12, 4))
    result = rank_contenders(scores)
    theirs = friedmanchisquare(*scores.T)
    assert (result.statistic, result.p) == pytest.approx((theirs.statistic, theirs.pvalue))
    assert result.ranks[2] < 2


def test_diverged_runs_share_the_last_rank():
    scores = np.array([[0.9, -np.inf, -np.inf], [0.9, 0.8, -np.inf]])
    np.testing.assert_array_equal(rank_contenders(scores).ranks, [1, 2.25, 2.75])


def test_all_ties_are_no_difference_and_no_warning():
    result = rank_contenders(np.full((5, 3), -np.inf))
    np.testing.assert_array_equal(result.ranks, 2)
    assert (result.statistic, result.p) == (0, 1)


def test_two_contenders_are_a_pair():
    with pytest.raises(ValueError, match=r"three contenders or more.*Got 2"):
        rank_contenders(np.ones((4, 2)))
