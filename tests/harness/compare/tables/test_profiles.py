"""Profiles and benchmark scores, of the times to the target."""

from __future__ import annotations

import numpy as np

from harness.compare.tables.profiles import benchmark_of, profiles_of
from harness.compare.tables.times import times_of
from outcome_frames import CONTENDERS, TASKS, outcomes


def test_profiles_and_benchmark_scores():
    frame = outcomes(diverged={("sgd", "moons", s) for s in range(5)})
    times = times_of(frame, CONTENDERS, TASKS, dict.fromkeys(TASKS, 0.8))
    # r of adam 1, 1; of lion 2, 2; of sgd 3, inf. B = mean of (4 − r)/3
    benchmark = benchmark_of(times, CONTENDERS, TASKS)
    np.testing.assert_allclose(benchmark["score"], [1, 2 / 3, 1 / 6])
    profile = profiles_of(frame, times, CONTENDERS, TASKS)
    wide = profile.pivot(index="tau", columns="contender", values="share")
    assert wide.index.tolist() == [1, 2, 3]
    assert wide["sgd"].tolist() == [0, 0, 0.5]
    assert wide["lion"].tolist() == [0, 1, 1]
    # Of one task the seeds are the workloads
    moons = frame[frame["task"] == "moons"]
    alone = profiles_of(moons, times, CONTENDERS, ("moons",))
    wide = alone.pivot(index="tau", columns="contender", values="share")
    assert wide["sgd"].tolist() == [0, 0, 3 / 8]
