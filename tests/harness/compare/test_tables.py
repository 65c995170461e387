"""The frames of a comparison, from outcomes made by hand; held against SciPy and mirrored worlds."""

from __future__ import annotations

import numpy as np
import pytest
from pandas import DataFrame
from scipy.stats import trim_mean, wilcoxon

from harness.compare.question import Question
from harness.compare.tables.budget import budget_of
from harness.compare.tables.pairs import pairs_of
from harness.compare.tables.profiles import benchmark_of, profiles_of
from harness.compare.tables.ranks import ranks_of
from harness.compare.tables.summary import summary_of
from harness.compare.tables.times import times_of
from harness.evaluation.metrics import Metric

RNG = np.random.default_rng(3)
CONTENDERS, TASKS = ("adam", "lion", "sgd"), ("digits", "moons")


def outcomes(contenders=CONTENDERS, tasks=TASKS, seeds=range(8), diverged=()):
    """Accuracies around a level of each contender; (contender, task, seed) that diverged."""
    rows = []
    for number, contender in enumerate(contenders):
        for task in tasks:
            for seed in seeds:
                lost = (contender, task, seed) in diverged
                score = np.nan if lost else 0.9 - 0.03 * number + 0.02 * RNG.standard_normal()
                steps = np.inf if lost else 100.0 * (number + 1)
                rows.append(
                    (contender, task, seed, lost, score, score - 0.01, steps, steps, np.nan)
                )
    names = ["contender", "task", "seed", "diverged", "validation", "test"]
    return DataFrame(rows, columns=[*names, "steps", "samples", "seconds"])


def summarized(frame, maximize=True, tasks=TASKS):
    return summary_of(
        frame, CONTENDERS, tasks, Question(("optimizer",), Metric("m", "m", maximize))
    )


def test_the_summary_is_that_of_the_runs():
    frame = outcomes()
    found = summarized(frame)
    assert len(found) == 3 * 3 * 2
    for row in found.itertuples():
        own = frame[frame["contender"] == row.contender]
        parts = [own[own["task"] == t][row.part] for t in TASKS if row.task in (t, "all")]
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


def test_pairs_share_their_seeds_and_are_corrected_by_place():
    frame = outcomes(tasks=("moons",))
    found = pairs_of(frame, CONTENDERS, ("moons",), True)
    wide = frame.pivot(index="seed", columns="contender", values="test")
    assert len(found) == 3
    for row in found.itertuples():
        difference = wide[row.a] - wide[row.b]
        assert row.difference == pytest.approx(difference.mean())
        assert row.low < row.difference < row.high
        assert row.p == pytest.approx(wilcoxon(difference).pvalue)
        assert row.test == "Wilcoxon signed-rank"
        wins = np.mean(wide[row.a].to_numpy()[:, None] > wide[row.b].to_numpy())
        assert row.improvement == pytest.approx(wins)
    ordered = np.sort(found["p"])
    adjusted = np.maximum.accumulate(ordered * [3, 2, 1]).clip(max=1)
    np.testing.assert_allclose(np.sort(found["p_holm"]), adjusted)


def test_those_without_common_seeds_are_not_paired():
    frame = outcomes(("adam", "sgd"), ("moons",))
    shifted = frame.assign(seed=frame["seed"] + 4 * (frame["contender"] == "sgd"))
    assert pairs_of(shifted, ("adam", "sgd"), ("moons",), True)["test"].item() == "Mann–Whitney U"
    fewer = frame[(frame["contender"] == "adam") | (frame["seed"] < 6)]
    found = pairs_of(fewer, ("adam", "sgd"), ("moons",), True)
    assert found["test"].item() == "Wilcoxon signed-rank"
    assert found["seeds"].item() == 6


def test_times_profiles_and_benchmark_scores():
    frame = outcomes(diverged={("sgd", "moons", s) for s in range(5)})
    times = times_of(frame, CONTENDERS, TASKS, dict.fromkeys(TASKS, 0.8))
    assert times["steps"].tolist() == [100, 200, 300, 100, 200, np.inf]
    assert times["reached"].tolist() == [1, 1, 1, 1, 1, 3 / 8]
    assert times["seconds"].isna().all()
    # r of adam 1, 1; of lion 2, 2; of sgd 3, inf. B = mean of (4 − r)/3
    found = benchmark_of(times, CONTENDERS, TASKS)
    np.testing.assert_allclose(found["score"], [1, 2 / 3, 1 / 6])
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


def test_ranks_need_three_contenders_with_the_same_seeds():
    frame = outcomes()
    found = ranks_of(frame, CONTENDERS, TASKS, True)
    wide = frame.pivot(index=["task", "seed"], columns="contender", values="test")
    expected = wide.rank(axis=1, ascending=False).mean()
    np.testing.assert_allclose(found["rank"], expected[list(CONTENDERS)])
    assert ranks_of(frame, CONTENDERS[:2], TASKS, True).empty
    assert ranks_of(frame[1:], CONTENDERS, TASKS, True).empty


def test_the_budget_of_trials():
    trials = DataFrame(
        [
            ("adam", "moons", f"lr={rate}", seed, score is None, score)
            for rate, scores in {1: (0.4, 0.6), 2: (0.8, 1.0), 3: (0.9, None)}.items()
            for seed, score in enumerate(scores)
        ],
        columns=["contender", "task", "setting", "seed", "diverged", "validation"],
    )
    found = budget_of(trials, ("adam",), ("moons",), True)
    assert found["k"].tolist() == [1, 2, 3]
    # Of {0.5, 0.9, diverged}: one of them, if it converged; two; all
    np.testing.assert_allclose(found["expected"], [0.7, (0.9 + 0.9 + 0.5) / 3, 0.9])
    np.testing.assert_allclose(found["none"], [1 / 3, 0, 0])
