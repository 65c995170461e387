"""What each run was: contender, task, setting, seed."""

from __future__ import annotations

import math

import pytest

from harness.compare.loaded_runs import load_runs
from harness.compare.source import Source
from harness.errors import ConfigurationError

pytestmark = pytest.mark.slow

SHORT = ["network.hidden=[4]", "training.max_epochs=2", "dataset=moons"]


def source(uri, *sweeps, **options):
    return Source(uri, "harness", tuple(sweeps), **options)


def test_each_run_is_given_its_place(grid):
    from mlflow import MlflowClient

    loaded = load_runs(source(grid), ["optimizer"])
    assert loaded.question.metric.name == "accuracy"
    assert loaded.question.maximize
    assert loaded.varied == ("optimizer.lr",)
    assert len(loaded.runs) == 60
    client = MlflowClient(grid)
    for row in loaded.runs.sample(12, random_state=0).itertuples():
        run = client.get_run(row.Index).data
        assert row.contender == run.tags["optimizer"]
        assert row.task == run.tags["dataset"]
        assert row.seed == int(run.params["seed"])
        assert row.setting == f"optimizer.lr={run.params['optimizer.lr']}"
        assert row.validation == run.metrics["best/validation/accuracy"]
        assert row.test == run.metrics["test/accuracy"]
        assert row.run == run.tags["mlflow.runName"]
        assert not row.diverged


def test_what_varies_is_compared_where_nobody_says(grid):
    assert load_runs(source(grid), []).question.by == ("optimizer",)


@pytest.mark.parametrize(
    ("by", "contenders", "varied"),
    [
        (["optimizer"], {"sgd", "adam"}, ("optimizer.lr",)),
        (["optimizer.lr"], {f"optimizer.lr={r}" for r in ("0.001", "0.01", "0.1")}, ("optimizer",)),
        (
            ["optimizer", "optimizer.lr"],
            {f"{o}, optimizer.lr={r}" for o in ("sgd", "adam") for r in ("0.001", "0.01", "0.1")},
            (),
        ),
    ],
)
def test_any_keys_are_factors(grid, by, contenders, varied):
    loaded = load_runs(source(grid), by)
    assert set(loaded.runs["contender"]) == contenders
    assert tuple(key for key in loaded.varied if key.count(".") < 2)[: len(varied)] == varied


def test_a_dataset_can_be_the_factor(grid):
    loaded = load_runs(source(grid), ["dataset"])
    assert set(loaded.runs["contender"]) == {"moons", "iris"}
    assert set(loaded.runs["task"]) == {"all"}


def test_a_diverged_run_has_no_score(diverging):
    loaded = load_runs(source(diverging), ["optimizer"])
    assert loaded.question.metric.name == "r2"
    runs = loaded.runs
    assert runs["diverged"].sum() == 4
    assert (runs.loc[runs["diverged"], "setting"] == "optimizer.lr=1000.0").all()
    assert runs.loc[runs["diverged"], ["validation", "test"]].isna().all(axis=None)
    assert runs.loc[~runs["diverged"], ["validation", "test"]].map(math.isfinite).all(axis=None)


def test_another_metric_is_minimized(grid):
    question = load_runs(source(grid), ["optimizer"], metric="loss").question
    assert (question.metric.name, question.maximize) == ("loss", False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"by": ["optimzer"]},
            "Unknown key of the configuration 'optimzer'. Did you mean 'optimizer'",
        ),
        ({"by": ["optimizer"], "tasks": ["data"]}, "Unknown key of the configuration 'data'"),
        ({"by": [], "metric": "acuracy"}, "Unknown metric 'acuracy'. Did you mean 'accuracy'"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(grid, arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        load_runs(source(grid), **arguments)


def test_tasks_without_a_common_score(train_sweeps):
    uri = train_sweeps([*SHORT[:2], "dataset=moons,diabetes", "optimizer=sgd,adam"])
    with pytest.raises(ConfigurationError, match=r"diabetes by r2.*--metric loss"):
        load_runs(source(uri), [])
    assert load_runs(source(uri), [], metric="loss").question.metric.name == "loss"


def test_of_runs_that_compute_the_same_the_last_one_counts(train_sweeps):
    uri = train_sweeps(*[[*SHORT, "optimizer=sgd,adam"]] * 2)
    loaded = load_runs(source(uri, everything=True), [])
    assert len(loaded.runs) == 2
    assert loaded.left_out["trained again later"] == 2
    assert set(loaded.tags["sweep"]) == {max(loaded.tags["sweep"])}


def test_where_nothing_varies_there_is_one_contender(train_sweeps):
    uri = train_sweeps([*SHORT, "seed=0,1"])
    assert set(load_runs(source(uri), []).runs["contender"]) == {"adam"}


def test_where_a_plain_value_varies_it_has_to_be_named(train_sweeps):
    uri = train_sweeps([*SHORT, "optimizer.lr=0.1,0.2"])
    with pytest.raises(ConfigurationError, match=r"but this does: optimizer.lr.*--by optimizer.lr"):
        load_runs(source(uri), [])
    assert len(set(load_runs(source(uri), ["optimizer.lr"]).runs["contender"])) == 2


def test_wrappers_are_a_factor(train_sweeps):
    from mlflow import MlflowClient

    short = [*SHORT, "optimizer=sgd", "seed=0,1"]
    uri = train_sweeps([*short, "wrapper=none,[ema,clip_norm]"])
    loaded = load_runs(source(uri), [])
    assert loaded.question.by == ("wrapper",)
    assert set(loaded.runs["contender"]) == {"wrapper=none", "ema+clip_norm"}
    assert set(load_runs(source(uri), ["optimizer", "wrapper"]).runs["contender"]) == {
        "sgd",
        "sgd + ema + clip_norm",
    }
    client = MlflowClient(uri)
    run = client.get_run(loaded.runs.index[loaded.runs["contender"] == "ema+clip_norm"][0]).data
    assert (run.tags["wrapper"], run.params["wrapper"]) == ("ema+clip_norm", "ema+clip_norm")
    assert run.params["wrapper.ema.decay"] == "0.99"
