"""Outcomes as statistics take them."""

from __future__ import annotations

import numpy as np

from harness.compare.tables.scores import judged_by, scores_of
from outcome_frames import TASKS, outcomes


def test_scores_are_in_order_of_the_seeds_and_negated_where_less_is_better():
    frame = outcomes(diverged={("sgd", "moons", 2)})
    scores = scores_of(frame[::-1], "test", maximize=False)
    for task, sample in zip(TASKS, scores.sample("sgd", TASKS), strict=True):
        rows = frame[(frame["contender"] == "sgd") & (frame["task"] == task)]
        np.testing.assert_array_equal(sample, (-rows["test"]).where(~rows["diverged"], -np.inf))
    assert scores.seeds_of("sgd", TASKS) == [tuple(range(8))] * 2


def test_a_contender_that_lacks_a_task_has_no_sample():
    frame = outcomes()
    frame = frame[(frame["contender"] != "sgd") | (frame["task"] == "moons")]
    scores = scores_of(frame, "validation", maximize=True)
    assert scores.sample("sgd", TASKS) is None
    assert scores.sample("sgd", ["moons"]) is not None


def test_without_test_scores_validation_judges():
    frame = outcomes()
    assert judged_by(frame) == "test"
    assert judged_by(frame.assign(test=np.nan)) == "validation"
