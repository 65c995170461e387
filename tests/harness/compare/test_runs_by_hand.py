"""What runs of a store made by hand are taken for: settings, tasks, seeds and their metric."""

from __future__ import annotations

import pytest
from pandas import DataFrame

from harness.compare import loaded_runs
from harness.compare.loaded_runs import load_runs
from harness.compare.source import Source
from harness.compare.trials import chosen_settings, trials_of
from harness.errors import ConfigurationError
from harness.tracking.reading.frames import RunFrames
from harness.tracking.reading.logged_runs import LoggedRun


@pytest.fixture
def loaded(monkeypatch):
    """The runs of rows of (optimizer, seed, split seed, accuracy); judged_by: what epochs logged."""

    def go(rows, by=(), statuses=None, datasets="moons", judged_by=None):
        ids = [f"{number:032x}" for number in range(len(rows))]
        optimizer, seed, split, score = zip(*rows, strict=True)
        params = DataFrame(
            {
                "optimizer": optimizer,
                "dataset": datasets,
                "optimizer.lr": "0.1",
                "seed": [str(number) for number in seed],
                "split.seed": [str(number) for number in split],
            },
            index=ids,
        )
        tags = DataFrame({"status": statuses or "finished"}, index=ids)
        columns = {"best/validation/accuracy": score, "test/accuracy": score}
        metrics = DataFrame(columns, index=ids, dtype=float)
        judged = dict(zip(ids, judged_by or ["accuracy"] * len(ids), strict=True))
        monkeypatch.setattr(
            loaded_runs.frames,
            "runs_with_metric",
            lambda uri, among, name: {i for i in among if name == f"validation/{judged[i]}"},
        )
        logged = [LoggedRun(i, i, {"status": "finished", "identity": i}, "FINISHED") for i in ids]
        monkeypatch.setattr(loaded_runs, "select_runs", lambda source: (logged, ()))
        read = RunFrames(params, tags, metrics)
        monkeypatch.setattr(loaded_runs.frames, "read_frames", lambda *arguments: read)
        return load_runs(Source("sqlite:///a.db", "harness"), by)

    return go


def crossed(seeds=(0, 1), splits=(0, 1, 2)):
    return [
        (name, seed, split, 0.8 + 0.01 * split + (0.02 if name == "sgd" else 0.0))
        for name in ("adam", "sgd")
        for split in splits
        for seed in seeds
    ]


def test_each_of_several_splits_is_a_task_and_none_is_chosen(loaded):
    runs = loaded(crossed())
    assert runs.varied == ()
    assert runs.question.by == ("optimizer",)
    assert runs.question.tasks == ("dataset", "split.seed")
    assert set(runs.runs["task"]) == {f"moons, split.seed={split}" for split in range(3)}
    chosen = chosen_settings(trials_of(runs), maximize=True)
    assert set(chosen["trials"]) == {1}
    assert len(chosen) == 6


def test_a_split_for_each_seed_is_noise(loaded):
    rows = [(name, seed, seed, 0.8) for name in ("adam", "sgd") for seed in range(5)]
    runs = loaded(rows)
    assert runs.question.tasks == ("dataset",)
    assert set(runs.runs["setting"]) == {""}


def test_contenders_of_different_splits_are_not_put_on_tasks_of_their_own(loaded):
    rows = [
        (name, seed, split, 0.8) for split, name in enumerate(("adam", "sgd")) for seed in (0, 1)
    ]
    assert loaded(rows).question.tasks == ("dataset",)


def test_the_seed_of_the_split_can_be_the_factor(loaded):
    runs = loaded(crossed(), by=("split.seed",))
    assert runs.question.tasks == ("dataset",)
    assert set(runs.runs["contender"]) == {f"split.seed={split}" for split in range(3)}


@pytest.mark.parametrize("largest", [2**63 - 1, 2**63, 2**64, 10**30])
def test_seeds_of_any_size_stay_what_they_are(loaded, largest):
    runs = loaded(crossed(seeds=(1, largest), splits=(0,)))
    assert set(runs.runs["seed"]) == {1, largest}


def test_a_regression_of_which_every_run_diverged_is_not_compared_by_accuracy(loaded):
    rows = [("adam", 0, 0, 0.9), ("sgd", 0, 0, 0.8), ("adam", 0, 0, None), ("sgd", 0, 0, None)]
    ends = ["finished"] * 2 + ["diverged"] * 2
    datasets = ["digits", "digits", "diabetes", "diabetes"]
    words = "digits by accuracy; diabetes by r2"
    with pytest.raises(ConfigurationError, match=words):
        loaded(rows, statuses=ends, datasets=datasets, judged_by=["accuracy"] * 2 + ["r2"] * 2)
    by_accuracy = loaded(rows, statuses=ends, datasets=datasets)  # of a classification
    assert by_accuracy.question.metric.name == "accuracy"


@pytest.mark.parametrize(("ends", "words"), [("diverged", "diverged"), ("finished", "no run has")])
def test_it_is_only_said_of_runs_that_diverged_that_they_did(loaded, ends, words):
    rows = [("adam", 0, 0, None), ("sgd", 0, 0, None)]
    with pytest.raises(ConfigurationError) as refused:
        loaded(rows, statuses=[ends] * 2, judged_by=["none"] * 2)
    assert words in str(refused.value)
    assert ("diverged" in str(refused.value)) == (ends == "diverged")
