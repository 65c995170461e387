"""Pairs of contenders, held against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import wilcoxon

from harness.compare.tables.pairs import pairs_of
from outcome_frames import CONTENDERS, TASKS, outcomes


def test_pairs_share_their_seeds_and_are_corrected_by_place():
    frame = outcomes(tasks=("moons",))
    pairs = pairs_of(frame, CONTENDERS, ("moons",), True)
    wide = frame.pivot(index="seed", columns="contender", values="test")
    assert len(pairs) == 3
    for row in pairs.itertuples():
        difference = wide[row.a] - wide[row.b]
        assert row.difference == pytest.approx(difference.mean())
        assert row.low < row.difference < row.high
        assert row.p == pytest.approx(wilcoxon(difference).pvalue)
        assert row.test == "Wilcoxon signed-rank"
        wins = np.mean(wide[row.a].to_numpy()[:, None] > wide[row.b].to_numpy())
        assert row.improvement == pytest.approx(wins)
    ordered = np.sort(pairs["p"])
    adjusted = np.maximum.accumulate(ordered * [3, 2, 1]).clip(max=1)
    np.testing.assert_allclose(np.sort(pairs["p_holm"]), adjusted)


def test_all_tasks_are_corrected_together():
    pairs = pairs_of(outcomes(), CONTENDERS, TASKS, True)
    assert list(pairs["task"].unique()) == ["all", *TASKS]
    ordered = np.sort(pairs["p"])
    adjusted = np.maximum.accumulate(ordered * np.arange(9, 0, -1)).clip(max=1)
    np.testing.assert_allclose(np.sort(pairs["p_holm"]), adjusted)
    assert set(pairs["seeds"]) == {8}  # not 16 on two tasks


@pytest.mark.parametrize("maximize", [True, False])
def test_a_complete_win_has_a_direction_and_is_not_certain(maximize):
    frame = outcomes(("adam", "sgd"), ("moons",), seeds=range(5))
    frame["test"] = frame["seed"] / 100 + (frame["contender"] == "adam")
    for a, b, won in (("adam", "sgd", maximize), ("sgd", "adam", not maximize)):
        (pair,) = pairs_of(frame, (a, b), ("moons",), maximize).to_dict("records")
        assert (pair["improvement"], pair["direction"]) == ((1, 1) if won else (0, -1))
        low, high = pair["improvement_low"], pair["improvement_high"]
        limit = 0.025 ** (1 / 5)  # Clopper & Pearson
        assert (low, high) == (
            pytest.approx(limit if won else 0),
            pytest.approx(1 if won else 1 - limit),
        )


def test_those_without_common_seeds_are_not_paired():
    frame = outcomes(("adam", "sgd"), ("moons",))
    shifted = frame.assign(seed=frame["seed"] + 4 * (frame["contender"] == "sgd"))
    assert pairs_of(shifted, ("adam", "sgd"), ("moons",), True)["test"].item() == "Mann–Whitney U"
    fewer = frame[(frame["contender"] == "adam") | (frame["seed"] < 6)]
    pairs = pairs_of(fewer, ("adam", "sgd"), ("moons",), True)
    assert pairs["test"].item() == "Wilcoxon signed-rank"
    assert pairs["seeds"].item() == 6
