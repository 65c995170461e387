"""What `harness tune` leaves is compared by its own rules: fresh seeds alone count."""

from __future__ import annotations

import os
import shlex
import shutil
import sqlite3
from contextlib import closing

import pytest

from harness.cli import main
from harness.compare import compare
from harness.compare.loaded_runs import load_runs
from harness.compare.source import Source
from harness.compare.trials import chosen_settings, final_settings, trials_of
from harness.errors import ConfigurationError
from harness.sweep.listing import completion_of
from harness.tracking.reading import logged_runs

TUNE = ["optimizer=sgd,adam", "dataset=moons", "seed=0,1", "training.max_epochs=3"]
OPTIONS = ["--trials", "4", "--final-seeds", "5", "hydra.launcher.workers=1"]


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    """The store after a tuning, and what the terminal said of it."""
    folder, before = tmp_path_factory.mktemp("tuned"), os.getcwd()
    os.chdir(folder)
    try:
        assert main(["tune", *TUNE, "network.hidden=[4],[8]", *OPTIONS]) == 0
    finally:
        os.chdir(before)
    return f"sqlite:///{folder}/outputs/mlflow.db", folder


def test_contenders_are_those_that_were_tuned_and_their_defaults(tuned):
    found = compare(uri=tuned[0])
    assert found.question.by == ("optimizer", "network.hidden")
    names = {f"{o}, network.hidden=[{n}]" for o in ("sgd", "adam") for n in (4, 8)}
    assert set(found.contenders) == names | {f"{name} (untuned)" for name in names}


def test_only_fresh_seeds_count(tuned):
    found = compare(uri=tuned[0])
    assert set(found.outcomes["seed"]) == {2, 3, 4, 5, 6}
    assert set(found.trials["seed"]) == {0, 1}
    assert set(found.outcomes["chosen"]) == {"tuned on other seeds", "the defaults"}
    assert found.outcomes.groupby("contender").size().tolist() == [5] * 8
    assert found.trials.groupby("contender").size().tolist() == [8] * 4
    assert not any("chosen by the same runs" in caveat for caveat in found.caveats)
    assert set(found.budget["k"]) == {1, 2, 3, 4}


def test_what_was_trained_is_the_best_trial(tuned):
    loaded = load_runs(Source(tuned[0], "harness"), [])
    trials = trials_of(loaded)
    best = chosen_settings(trials, maximize=True)
    decided = final_settings(loaded.runs)
    assert len(decided) == 4
    scores = trials.groupby(["contender", "task", "setting"])["validation"].mean()
    for one in best.itertuples():  # equal scores may be told apart by their loss
        assert scores[one.contender, one.task, decided[one.contender, one.task]] == one.score


def test_runs_of_the_tuning_have_never_seen_the_test_part(tuned):
    from mlflow import MlflowClient

    client = MlflowClient(tuned[0])
    experiment = client.get_experiment_by_name("harness").experiment_id
    runs = client.search_runs([experiment], "tags.phase = 'tuning'")
    assert len(runs) == 32
    assert not any(name.startswith("test/") for run in runs for name in run.data.metrics)


def test_the_report_is_there_without_another_command(tuned):
    (report,) = (tuned[1] / "outputs" / "comparisons").glob("*/report.html")
    assert "(untuned)" in report.read_text(encoding="utf-8")


def test_the_last_round_of_a_tuning_counts(tuned):
    """Ranges that were extended are tried anew, and as often as any."""
    loaded = load_runs(Source(tuned[0], "harness"), [])
    again = loaded.runs["contender"].str.startswith("sgd") & (loaded.runs["phase"] == "tuning")
    later = loaded.runs[again].assign(phase="tuning-2", validation=0.25)
    later.index = later.index.str.replace("^.", "x", regex=True)
    from dataclasses import replace

    from pandas import concat

    params = loaded.params.loc[loaded.runs.index[again]].set_axis(later.index)
    extended = replace(
        loaded, runs=concat([loaded.runs, later]), params=concat([loaded.params, params])
    )
    trials = trials_of(extended)
    assert len(trials) == len(trials_of(loaded))
    assert (trials[trials["contender"].str.startswith("sgd")]["validation"] == 0.25).all()


@pytest.fixture
def copied(tuned, tmp_path, monkeypatch):
    """A copy of the store and the folders, in a folder that the test works in."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tuned[1] / "outputs", tmp_path / "outputs")
    places = (str(tuned[1]), str(tmp_path))
    execute("UPDATE runs SET artifact_uri = replace(artifact_uri, ?, ?)", *places)
    execute("UPDATE tags SET value = replace(value, ?, ?)", *places)
    return f"sqlite:///{tmp_path}/outputs/mlflow.db"


def execute(statement, *values):
    with closing(sqlite3.connect("outputs/mlflow.db")) as connection, connection:
        connection.execute(statement, values)


def test_without_its_folder_the_contenders_are_known_from_the_store(copied):
    shutil.rmtree("outputs/sweeps")
    assert load_runs(Source(copied, "harness"), []).question.by == ("optimizer", "network.hidden")
    shutil.rmtree("outputs/mlartifacts")
    with pytest.raises(ConfigurationError, match=r"tuning.json is neither in its .* --by opt"):
        load_runs(Source(copied, "harness"), [])
    assert load_runs(Source(copied, "harness"), ["optimizer"]).question.by == ("optimizer",)


@pytest.mark.slow
@pytest.mark.parametrize("missing", ["untuned", pytest.param("final", marks=pytest.mark.full)])
def test_an_unfinished_tuning_says_how_to_complete_it(copied, missing, capsys):
    (own,) = logged_runs.search_runs(copied, "harness", {"kind": "sweep"})
    execute("UPDATE runs SET status = 'KILLED' WHERE run_uuid = ?", own.run_id)
    execute(
        "UPDATE runs SET lifecycle_stage = 'deleted' WHERE run_uuid IN "
        "(SELECT run_uuid FROM tags WHERE key = 'phase' AND value = ?)",
        missing,
    )
    assert main(["compare"]) == 2
    said = capsys.readouterr().err
    assert f"The tuning {own.tags['sweep']} was interrupted before its end" in said
    assert said.splitlines()[-1].strip() == completion_of(own)
    assert said.rstrip().endswith("skip_finished=true")

    assert main(shlex.split(completion_of(own))[1:]) == 0  # and ends with the comparison
    assert main(["compare", own.tags["sweep"]]) == 2
    later = logged_runs.search_runs(copied, "harness", {"kind": "sweep"})[-1].tags["sweep"]
    assert f"{later} has completed it. Compare that: harness compare {later}" in (
        capsys.readouterr().err
    )
    both = compare(own.tags["sweep"], later, uri=copied, by=["optimizer", "network.hidden"])
    assert both.outcomes.groupby("contender").size().tolist() == [5] * 8
