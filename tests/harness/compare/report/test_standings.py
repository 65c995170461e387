"""Rows of contenders and pairs, and who is best."""

from __future__ import annotations

from dataclasses import replace

import pytest

import comparisons
from harness.compare.report.standings import best_of, pairings, standings

TWO = comparisons.two_optimizers()


THREE = comparisons.three_on_two()


def test_diverged_runs_count_against_a_contender_whose_others_did_well():
    """The means of what converged favour sgd; in pairs, where diverged runs are worst, it loses."""
    summary = TWO.summary.copy()
    summary.loc[summary.contender == "sgd", "iqm"] = 0.999
    assert best_of(replace(TWO, summary=summary), "digits") == "adam"


def test_a_pair_seen_from_the_other_side():
    (seen,) = pairings(TWO, "digits")
    turned = seen.of("sgd")
    assert (turned.a, turned.b) == ("sgd", "adam")
    assert turned.difference == (
        -seen.difference.value,
        -seen.difference.high,
        -seen.difference.low,
    )
    assert turned.improvement.value == pytest.approx(1 - seen.improvement.value)
    assert turned.of("adam").difference == seen.difference


def test_standings_are_the_rows_of_the_summary():
    rows = {row.contender: row for row in standings(THREE, "moons")}
    assert [row.diverged for row in rows.values()] == [0, 0, 2]
    of = THREE.summary[(THREE.summary.task == "moons") & (THREE.summary.part == "test")]
    expected = dict(zip(of.contender, of.iqm, strict=True))
    assert {name: row.test.value for name, row in rows.items()} == expected
    assert [row.best for row in rows.values()] == [True, False, False]
