"""`harness compare` as a person meets it, and what it leaves in folders and in MLflow."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pytest

from harness.cli import main
from harness.compare import compare, verdict
from harness.compare.report.document import decode

pytestmark = pytest.mark.slow


@pytest.fixture
def own_grid(grid, tmp_path, monkeypatch):
    """A copy of the store of the grid, in a folder that the test works in."""
    folder = Path(grid.removeprefix("sqlite:///")).parent
    shutil.copytree(folder, tmp_path / "outputs", ignore=shutil.ignore_patterns("sweeps"))
    monkeypatch.chdir(tmp_path)
    # MLflow keeps a store open under its address: one that is relative would be another test's
    return f"sqlite:///{tmp_path}/outputs/mlflow.db"


@pytest.fixture
def client(own_grid):
    from mlflow import MlflowClient

    return MlflowClient(own_grid)


def runs_of_kind(client, kind):
    experiment = client.get_experiment_by_name("harness").experiment_id
    return client.search_runs([experiment], f"tags.kind = '{kind}'", max_results=1000)


def test_it_shows_writes_and_logs(own_grid, client, capsys):
    assert main(["compare"]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    comparison = compare(uri=own_grid)
    assert verdict(comparison) in shown.out
    for contender in ("adam", "sgd"):
        row = comparison.summary.query(
            f"contender == '{contender}' and task == 'iris' and part == 'test'"
        )
        assert f"{row['iqm'].item():.4f} [" in shown.out
    (folder,) = Path("outputs/comparisons").iterdir()
    assert (
        (folder / "report.html").read_text(encoding="utf-8").lstrip().startswith("<!doctype html>")
    )
    assert (folder / "table.tex").exists()
    assert (folder / "pictures" / "learning_curves.svg").exists()

    (sweep,) = runs_of_kind(client, "sweep")
    assert sweep.data.tags["verdict"] == verdict(comparison)
    assert f"{folder.name}/report.html" in sweep.data.tags["mlflow.note.content"]
    for row in comparison.summary.itertuples():
        name = f"compare/{row.contender}/{row.task}/{row.part}/accuracy/iqm"
        assert sweep.data.metrics[name] == pytest.approx(row.iqm)
    files = client.list_artifacts(sweep.info.run_id, folder.name)
    assert f"{folder.name}/report.html" in {file.path for file in files}

    runs = {run.info.run_id: run.data for run in runs_of_kind(client, "run")}
    scoring = {i for i, data in runs.items() if data.tags.get("counts") == "true"}
    assert scoring == set(comparison.outcomes["run_id"])
    for row in comparison.outcomes.itertuples():
        metrics = runs[row.run_id].metrics
        assert metrics.get("time_to_target/steps", math.inf) == row.steps
        assert "time_to_target/seconds" not in metrics, "a run of a stack makes no claim"


def test_another_question_leaves_nothing_of_the_former_report(own_grid, client):
    (sweep,) = runs_of_kind(client, "sweep")
    assert main(["compare", "--by", "optimizer,optimizer.lr"]) == 0
    (folder,) = Path("outputs/comparisons").iterdir()
    assert (folder / "interaction.csv").exists()
    assert main(["compare", "--metric", "loss"]) == 0
    names = {path.name for path in folder.iterdir()}
    assert "interaction.csv" not in names
    files = client.list_artifacts(sweep.info.run_id, folder.name)
    assert {Path(file.path).name for file in files} == names


def test_a_description_of_ones_own_stays(own_grid, client):
    (sweep,) = runs_of_kind(client, "sweep")
    for text in ("mine", "- adam wins, says the report among the artifacts."):
        client.set_tag(sweep.info.run_id, "mlflow.note.content", text)
        assert main(["compare"]) == 0
        description = client.get_run(sweep.info.run_id).data.tags["mlflow.note.content"]
        assert (description == text) == (text == "mine")


def test_for_programs(own_grid, client, capsys):
    assert main(["compare", "--json", "--no-log", "--metric", "loss", "--output", "here"]) == 0
    comparison = decode(capsys.readouterr().out)
    assert comparison.question.metric.name == "loss"
    assert set(comparison.contenders) == {"adam", "sgd"}
    assert Path("here/comparison.json").exists()
    assert "verdict" not in runs_of_kind(client, "sweep")[0].data.tags


def test_the_frames_of_a_notebook_are_those_of_the_report(own_grid, capsys):
    assert main(["compare", "--json", "--no-log", "--by", "optimizer,optimizer.lr"]) == 0
    report = json.loads(capsys.readouterr().out)
    comparison = compare(uri=own_grid, by=["optimizer", "optimizer.lr"])
    rows = report["frames"]["summary"]["rows"]
    assert len(rows) == len(comparison.summary) == 6 * 3 * 2
    assert [row[0] for row in rows] == comparison.summary["contender"].tolist()
    assert len(comparison.interaction) == 6


def test_runs_of_several_sweeps_get_a_run_of_their_own(train_sweeps, tmp_path, monkeypatch):
    from mlflow import MlflowClient

    short = ["dataset=moons", "training.max_epochs=2", "seed=0,1"]
    uri = train_sweeps([*short, "optimizer=sgd"], [*short, "optimizer=adam"])
    monkeypatch.chdir(tmp_path)
    assert main(["compare", "--all"]) == 0
    (run,) = runs_of_kind(MlflowClient(uri), "comparison")
    assert run.data.tags["verdict"] == verdict(compare(uri=uri, everything=True))
    assert run.info.status == "FINISHED"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--bye", "optimizer"], "unrecognized arguments: --bye. `harness compare --help`"),
        (["--target", "nan"], "a finite number. Got nan"),
        (["--target", "moons=0.9,iris=inf"], "a finite number. Got inf"),
        (["--target", "high"], "--target takes a number, or one a task as in digits=0.95"),
        (
            ["--by", "optimzer"],
            "Unknown key of the configuration 'optimzer'. Did you mean 'optimizer'",
        ),
        (["2020-01-01/00-00-00"], "Unknown sweep '2020-01-01/00-00-00'"),
        (["--by", "seed"], "'seed' tells runs of one contender apart"),
        (["tracking.experiment=nothing"], "The experiment 'nothing' has no runs"),
        (["optimizer=sgd"], "'optimizer=sgd' would change nothing here"),
        (["--output", "/proc/x"], "The report cannot be written to /proc/x"),
        (["tracking.urii=x"], "Unknown key 'tracking.urii'. Did you mean 'tracking.uri'?"),
    ],
)
def test_mistakes_get_one_message(own_grid, capsys, arguments, message):
    assert main(["compare", *arguments]) == 2
    errors = capsys.readouterr().err
    assert message in errors
    assert "Traceback" not in errors


def test_a_contender_of_which_every_run_diverged_is_reported(diverging, tmp_path, capsys):
    words = [
        "--by",
        "optimizer.lr",
        "--no-log",
        "--output",
        str(tmp_path),
        f"tracking.uri={diverging}",
    ]
    assert main(["compare", *words, "--allow", "budgets"]) == 0
    assert "optimizer.lr=1000.0 on diabetes: 2 of 2 runs diverged" in capsys.readouterr().out
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "2 of 2 runs diverged" in page
    assert (tmp_path / "pictures" / "learning_curves.svg").exists()
