"""The table of two factors, from outcomes made by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from pandas import DataFrame, concat
from pandas.testing import assert_frame_equal

from harness.compare.question import Question
from harness.compare.tables.interaction import interaction_of
from harness.evaluation.metrics import ACCURACY, LOSS
from outcome_frames import outcomes

PAIRS = {f"{row}, {column}": (row, column) for row in ("adam", "sgd") for column in ("he", "zeros")}


def tabled(frame, metric=ACCURACY):
    frame = frame.assign(run_id=frame.index.astype(str))
    levels = [PAIRS[name.removesuffix(" (untuned)")] for name in frame["contender"]]
    params = DataFrame(levels, columns=["optimizer", "initializer"], index=frame["run_id"])
    loaded = SimpleNamespace(question=Question(("optimizer", "initializer"), metric), params=params)
    return interaction_of(loaded, frame).set_index(["row", "column"])


def test_means_and_effects_are_those_of_the_cells():
    frame = outcomes(PAIRS, ("moons",))
    table = tabled(frame)["mean"].unstack()
    for name, (row, column) in PAIRS.items():
        scores = frame.loc[frame["contender"] == name, "test"]
        assert table.loc[row, column] == pytest.approx(scores.mean())
    expected = table.sub(table.mean(axis=1), axis=0).sub(table.mean(axis=0)) + table.mean(axis=None)
    np.testing.assert_allclose(tabled(frame)["effect"].unstack(), expected, atol=1e-12)


def test_a_loss_is_the_mirror_of_a_score():
    frame = outcomes(PAIRS, ("moons",))
    scores, losses = tabled(frame), tabled(frame.assign(test=-frame["test"]), LOSS)
    for name, mirrored in {"mean": "mean", "effect": "effect", "low": "high"}.items():
        np.testing.assert_allclose(scores[name], -losses[mirrored])
    np.testing.assert_allclose(scores["p"], losses["p"])


def test_contenders_at_their_defaults_are_left_out():
    frame = outcomes(PAIRS, ("moons",))
    untuned = frame.assign(contender=frame["contender"] + " (untuned)", test=0.0)
    both = concat([frame, untuned], ignore_index=True)
    assert_frame_equal(tabled(both), tabled(frame))


def test_a_single_factor_has_no_interaction():
    loaded = SimpleNamespace(question=Question(("optimizer",), ACCURACY))
    assert interaction_of(loaded, outcomes()).empty
