"""Means, medians and interquartile means of contenders, held against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import trim_mean

from harness.compare.question import Question
from harness.compare.tables.pairs import pairs_of
from harness.compare.tables.summary import summary_of
from harness.evaluation.metrics import Metric
from outcome_frames import CONTENDERS, TASKS, outcomes


def summarized(frame, maximize=True, tasks=TASKS):
    return summary_of(
        frame, CONTENDERS, tasks, Question(("optimizer",), Metric("m", "m", maximize))
    )


def test_the_summary_is_that_of_the_runs():
    frame = outcomes()
    summary = summarized(frame)
    assert len(summary) == 3 * 3 * 2
    for row in summary.itertuples():
        rows_of_contender = frame[frame["contender"] == row.contender]
        parts = [
            rows_of_contender[rows_of_contender["task"] == t][row.part]
            for t in TASKS
            if row.task in (t, "all")
        ]
        pooled = np.concatenate(parts)
        assert row.runs == len(pooled)
        assert row.iqm == pytest.approx(trim_mean(pooled, 0.25))
        assert row.median == pytest.approx(np.median(pooled))
        assert row.mean == pytest.approx(np.mean([part.mean() for part in parts]))
        assert row.gap == pytest.approx(np.mean([(1 - part).mean() for part in parts]))
        for name in ("iqm", "median", "mean", "gap"):
            low, high = getattr(row, f"{name}_low"), getattr(row, f"{name}_high")
            assert low <= getattr(row, name) <= high
            assert low < high


def negated(frame):
    return frame.assign(validation=-frame["validation"], test=-frame["test"])


def test_a_loss_is_the_mirror_of_a_score():
    frame = outcomes(diverged={("sgd", "moons", 2)})
    up, down = summarized(frame), summarized(negated(frame), maximize=False)
    for name in ("iqm", "median", "mean"):
        np.testing.assert_allclose(up[name], -down[name])
        np.testing.assert_allclose(up[f"{name}_low"], -down[f"{name}_high"])
    assert down["gap"].isna().all()
    pairs = pairs_of(frame, CONTENDERS, TASKS, True)
    mirror = pairs_of(negated(frame), CONTENDERS, TASKS, False)
    np.testing.assert_allclose(pairs["difference"], -mirror["difference"])
    np.testing.assert_allclose(pairs["low"], -mirror["high"])
    for name in ("improvement", "improvement_low", "p", "p_holm", "seeds"):
        np.testing.assert_allclose(pairs[name], mirror[name])


def test_diverged_runs_are_counted_and_never_a_number():
    frame = outcomes(diverged={("sgd", "moons", seed) for seed in range(3)})
    row = summarized(frame).query("contender == 'sgd' and task == 'moons' and part == 'test'")
    assert row["diverged"].item() == 3 / 8
    assert np.isnan(row["iqm"].item()), "more than a quarter diverged"
    finite = frame.query("contender == 'sgd' and task == 'moons' and not diverged")["test"]
    assert row["mean"].item() == pytest.approx(finite.mean())
