"""Mean ranks."""

from __future__ import annotations

import numpy as np

from harness.compare.tables.ranks import ranks_of
from outcome_frames import CONTENDERS, TASKS, outcomes


def test_ranks_need_three_contenders_with_the_same_seeds():
    frame = outcomes()
    ranks = ranks_of(frame, CONTENDERS, TASKS, True)
    wide = frame.pivot(index=["task", "seed"], columns="contender", values="test")
    expected = wide.rank(axis=1, ascending=False).mean()
    np.testing.assert_allclose(ranks["rank"], expected[list(CONTENDERS)])
    assert ranks_of(frame, CONTENDERS[:2], TASKS, True).empty
    assert ranks_of(frame[1:], CONTENDERS, TASKS, True).empty
