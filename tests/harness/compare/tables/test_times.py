"""Median times to the target."""

from __future__ import annotations

import numpy as np

from harness.compare.tables.times import times_of
from outcome_frames import CONTENDERS, TASKS, outcomes


def test_a_median_is_infinite_where_fewer_than_half_of_the_runs_reach_the_target():
    frame = outcomes(diverged={("sgd", "moons", s) for s in range(5)})
    times = times_of(frame, CONTENDERS, TASKS, dict.fromkeys(TASKS, 0.8))
    assert times["steps"].tolist() == [100, 200, 300, 100, 200, np.inf]
    assert times["reached"].tolist() == [1, 1, 1, 1, 1, 3 / 8]
    assert times["seconds"].isna().all()
