"""Which runs of a store are compared."""

from __future__ import annotations

import shlex
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from harness.cli import main
from harness.compare import compare
from harness.compare.loaded_runs import load_runs
from harness.compare.source import Source
from harness.errors import ConfigurationError, TrackingError
from harness.sweep.listing import completion_of, sweeps
from harness.tracking.reading import logged_runs

pytestmark = pytest.mark.slow

SHORT = ["network.hidden=[4]", "training.max_epochs=2", "dataset=moons"]


def source(uri, *sweeps, **options):
    return Source(uri, "harness", tuple(sweeps), **options)


def test_a_filter_is_mlflows_own(grid):
    loaded = load_runs(source(grid, condition="tags.dataset = 'iris' and tags.seed = '3'"), [])
    assert len(loaded.runs) == 6
    with pytest.raises(TrackingError, match=r"filter 'dataset is iris'.*An example"):
        load_runs(source(grid, condition="dataset is iris"), [])


def test_an_unknown_sweep_and_an_empty_experiment(grid):
    with pytest.raises(ConfigurationError, match="Unknown sweep '2020'"):
        load_runs(source(grid, "2020"), [])
    with pytest.raises(ConfigurationError, match="The experiment 'nothing' has no runs"):
        load_runs(Source(grid, "nothing"), [])


def test_the_newest_sweep_one_by_name_and_all(train_sweeps):
    uri = train_sweeps(
        [*SHORT, "optimizer=sgd,adam", "seed=0,1"],
        [*SHORT, "optimizer=sgd,nesterov,adam", "seed=0,1", "skip_finished=true"],
    )
    newest = load_runs(source(uri), [])
    assert set(newest.runs["contender"]) == {"sgd", "adam", "nesterov"}, (
        "recalled runs belong to it"
    )
    assert len(newest.sweeps) == 1
    assert not newest.left_out["trained again later"]
    everything = load_runs(source(uri, everything=True), [])
    assert len(everything.runs) == 6
    first = sorted(set(everything.tags["sweep"]))[0]
    assert set(load_runs(source(uri, first), []).runs["contender"]) == {"sgd", "adam"}


def test_without_its_folder_a_continued_sweep_has_all_its_runs(train_sweeps, tmp_path):
    uri = train_sweeps(
        [*SHORT, "optimizer=sgd,adam"],
        [*SHORT, "optimizer=sgd,nesterov,adam", "skip_finished=true"],
    )
    shutil.rmtree(tmp_path / "outputs" / "sweeps")
    loaded = load_runs(source(uri), [])
    assert set(loaded.runs["contender"]) == {"sgd", "adam", "nesterov"}
    first, second = sweeps(uri, "harness")
    assert (first.state, second.state) == ("complete", "complete")
    assert (second.runs, second.finished) == (3, 3)

    (sweep,) = loaded.sweeps
    artifacts = Path(sweep.artifact_uri.removeprefix("file://"))
    (artifacts / "identities.txt").unlink()
    command = ".*optimizer=sgd,nesterov,adam.* skip_finished=true"
    message = rf"{sweep.tags['sweep']} took over runs .*\n{command}"
    with pytest.raises(ConfigurationError, match=message):
        load_runs(source(uri), [])
    earlier = load_runs(source(uri, first.sweep), []).runs  # it took nothing over
    assert set(earlier["contender"]) == {"sgd", "adam"}


def test_a_sweep_counts_its_own_runs_and_nobody_elses(train_sweeps):
    uri = train_sweeps(*[[*SHORT, "optimizer=sgd,adam"]] * 2)
    loaded = load_runs(source(uri), [])
    assert set(loaded.tags["sweep"]) == {max(run.tags["sweep"] for run in loaded.sweeps)}
    assert not loaded.left_out["trained again later"]


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


@pytest.mark.parametrize("missing", ["untuned", pytest.param("final", marks=pytest.mark.full)])
def test_an_unfinished_tuning_says_how_to_complete_it(copied, missing, capsys):
    (sweep,) = logged_runs.search_runs(copied, "harness", {"kind": "sweep"})
    execute("UPDATE runs SET status = 'KILLED' WHERE run_uuid = ?", sweep.run_id)
    execute(
        "UPDATE runs SET lifecycle_stage = 'deleted' WHERE run_uuid IN "
        "(SELECT run_uuid FROM tags WHERE key = 'phase' AND value = ?)",
        missing,
    )
    assert main(["compare"]) == 2
    message = capsys.readouterr().err
    assert f"The tuning {sweep.tags['sweep']} was interrupted before its end" in message
    assert message.splitlines()[-1].strip() == completion_of(sweep)
    assert message.rstrip().endswith("skip_finished=true")

    assert main(shlex.split(completion_of(sweep))[1:]) == 0  # and ends with the comparison
    assert main(["compare", sweep.tags["sweep"]]) == 2
    later = logged_runs.search_runs(copied, "harness", {"kind": "sweep"})[-1].tags["sweep"]
    assert f"{later} has completed it. Compare that: harness compare {later}" in (
        capsys.readouterr().err
    )
    both = compare(sweep.tags["sweep"], later, uri=copied, by=["optimizer", "network.hidden"])
    assert both.outcomes.groupby("contender").size().tolist() == [5] * 8


def test_sweeps_whose_folders_end_alike_are_not_mixed(train_sweeps, tmp_path):
    """Of the first only sgd would be newer than anything of the second, by name."""
    uri = train_sweeps(
        [*SHORT, "optimizer=sgd,adam", "optimizer.lr=0.1", "hydra.sweep.dir=a/res/s1"],
        [*SHORT, "optimizer=adam,nesterov", "optimizer.lr=0.01", "hydra.sweep.dir=b/res/s1"],
    )
    newest = load_runs(source(uri), [])
    assert set(newest.runs["contender"]) == {"adam", "nesterov"}
    assert set(newest.params["optimizer.lr"]) == {"0.01"}
    first = load_runs(source(uri, str(tmp_path / "a/res/s1")), [])
    assert set(first.runs["contender"]) == {"sgd", "adam"}
    assert [(sweep.runs, sweep.finished) for sweep in sweeps(uri, "harness")] == [(2, 2), (2, 2)]
    with pytest.raises(ConfigurationError, match="2 sweeps are called 'res/s1'"):
        load_runs(source(uri, "res/s1"), [])


def test_a_tuning_of_the_same_configurations_lends_a_later_sweep_nothing(copied):
    """The sweep has the final seeds of the tuning, and the defaults of one of its contenders."""
    command = ["train", "-m", "optimizer=sgd,adam", "dataset=moons", "training.max_epochs=3"]
    assert (
        main([*command, "network.hidden=[4]", "seed=range(2,5)", "hydra.launcher.workers=1"]) == 0
    )
    loaded = load_runs(Source(copied, "harness"), [])
    assert len(loaded.runs) == 6
    assert set(loaded.runs["phase"]) == {""}
    assert not loaded.left_out.get("not of the tuning")


def test_a_used_folder_is_refused_or_continued(train_sweeps, tmp_path, monkeypatch, capsys):
    command = [*SHORT, "optimizer=sgd", "hydra.sweep.dir=out/exp"]
    uri = train_sweeps([*command, "seed=0,1"])
    monkeypatch.chdir(tmp_path)
    results = {path: path.read_bytes() for path in Path("out/exp").rglob("*.[jt][sx][ot]*")}
    assert len(results) > 4
    assert main(["train", "-m", *command, "seed=5,6", "hydra.launcher.workers=1"]) == 2
    assert "out/exp holds the runs of another sweep" in capsys.readouterr().err
    assert all(path.read_bytes() == content for path, content in results.items())
    assert len(sweeps(uri, "harness")) == 1
    train_sweeps([*command, "seed=0,1,2", "skip_finished=true"])
    assert sorted(load_runs(source(uri, "out/exp"), []).runs["seed"]) == [0, 1, 2]
    assert [(sweep.runs, sweep.finished) for sweep in sweeps(uri, "harness")] == [(3, 3)]
