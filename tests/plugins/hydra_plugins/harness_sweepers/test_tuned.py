"""`harness tune` as a person meets it: real multiruns, real stores."""

from __future__ import annotations

import csv
import json
import shlex
import signal
import sqlite3
import statistics
import subprocess
import sys
import time
from collections import Counter, defaultdict
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.cli import main
from harness.sweep.listing import sweeps
from harness.tracking.reading import logged_runs

URI = "sqlite:///outputs/mlflow.db"
QUICK = ("dataset=moons", "training.max_epochs=2", "network.hidden=[4]")
TUNE = ("tune", *QUICK, "optimizer=sgd,adam", "seed=0,1", "--trials", "4", "--final-seeds=3")


@pytest.fixture
def in_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["harness"])
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    return tmp_path


@dataclass(frozen=True)
class Logged:
    """A run as the store has it."""

    tags: dict[str, str]
    metrics: dict[str, float]
    params: dict[str, str]


def over(run):
    return run.tags.get("status") == "finished"


def logged(kind="run"):
    """The runs of the store, read with SQL."""
    runs = []
    with closing(sqlite3.connect("outputs/mlflow.db")) as store:
        for run in logged_runs.search_runs(URI, "harness", {"kind": kind}):
            metrics, params = (
                dict(store.execute(f"SELECT key, value FROM {t} WHERE run_uuid = ?", [run.run_id]))
                for t in ("latest_metrics", "params")
            )
            runs.append(Logged(run.tags, metrics, params))
    return runs


def record():
    (path,) = Path("outputs/sweeps").glob("*/*/tuning.json")
    return json.loads(path.read_text())


def setting(run):
    keys = ("optimizer.lr", "optimizer.beta1", "optimizer.beta2")
    return tuple(float(run.params[key]) for key in keys if key in run.params)


@pytest.mark.slow
@pytest.mark.usefixtures("in_empty_folder")
def test_the_whole_protocol(capsys):
    """What was chosen is worked out again from the store alone."""
    assert main([*TUNE, "--extend"]) == 0
    shown = capsys.readouterr()
    runs = logged()
    by_phase = defaultdict(list)
    for run in runs:
        by_phase[run.tags["phase"]].append(run)
    assert set(by_phase) == {"tuning", "tuning-2", "final", "untuned"}
    assert {p: len(r) for p, r in by_phase.items() if p != "tuning-2"} == {
        "tuning": 2 * 4 * 2,
        "final": 2 * 3,
        "untuned": 2 * 3,
    }
    protocol = record()
    assert protocol["complete"]
    for contender in protocol["contenders"]:
        optimizer = contender["overrides"][3].removeprefix("optimizer=")
        phases = [tuning["phase"] for tuning in contender["tunings"]]  # the best of all counts
        scores = defaultdict(list)
        for run in (run for phase in phases for run in by_phase[phase]):
            if run.tags["optimizer"] == optimizer:
                loss = run.metrics.get("best/validation/loss")
                accuracy = run.metrics.get("best/validation/accuracy")
                scores[setting(run)].append(
                    (-1e9, 0) if run.tags["status"] == "diverged" else (accuracy, -loss)
                )
        assert len(scores) == 4 * len(phases)
        assert {len(seeds) for seeds in scores.values()} == {2}
        best = max(scores, key=lambda s: tuple(map(statistics.fmean, zip(*scores[s], strict=True))))
        finals = [r for r in by_phase["final"] if r.tags["optimizer"] == optimizer]
        assert {setting(run) for run in finals} == {best}
        assert tuple(map(float, contender["setting"].values())) == best
        untuned = [r for r in by_phase["untuned"] if r.tags["optimizer"] == optimizer]
        defaults = {"sgd": (0.1,), "adam": (0.001, 0.9, 0.999)}
        assert {setting(run) for run in untuned} == {defaults[optimizer]}
        words = [
            *contender["overrides"],
            *(f"{key}={text}" for key, text in contender["setting"].items()),
        ]
        assert f"harness {shlex.join(['train', *words])}\n" in shown.out

        folders = {run.tags["folder"] for run in finals}
        assert {run["folder"] for run in contender["final"]} == folders
        assert all(Path(folder).is_dir() for folder in folders)
    seeds = {phase: {run.tags["seed"] for run in of_phase} for phase, of_phase in by_phase.items()}
    assert seeds["tuning"] == seeds["tuning-2"] == {"0", "1"}
    assert seeds["final"] == seeds["untuned"] == {"2", "3", "4"}

    tested = {
        phase
        for phase, of_phase in by_phase.items()
        for r in of_phase
        if "test/accuracy" in r.metrics
    }
    assert tested == {"final", "untuned"}
    for phase in ("tuning", "tuning-2"):
        for run in (run for phase in phases for run in by_phase[phase]):
            assert not [name for name in run.metrics if name.startswith("test/")]

    (sweep,) = logged("sweep")
    assert sweep.tags["tuned"] == "true"
    assert sweep.tags["command"].startswith("harness tune hydra.sweeper.trials=4 ")
    artifacts = {path.name for path in Path("outputs").rglob("artifacts/*")}
    assert {"tuning.json", "table.csv"} <= artifacts

    table = shown.out.partition("Open the dashboard")[0]  # the comparison follows
    rows = [line.split("\t") for line in table.splitlines() if "\t" in line]
    assert [row[rows[0].index("phase")] for row in rows[1:]] == ["final"] * 2 + ["untuned"] * 2
    with (Path(sweep.tags["folder"]) / "table.csv").open() as file:
        assert Counter(row["phase"] for row in csv.DictReader(file))["tuning"] == 2 * 4

    (listed,) = sweeps(URI, "harness")
    assert (listed.state, listed.runs, listed.missing) == ("complete", len(runs), 0)


@pytest.mark.usefixtures("in_empty_folder")
@pytest.mark.parametrize(
    ("arguments", "sweeper"),
    [
        ([], "grid.GridSweeper"),
        (["experiment=tuned_optimizers"], "tuned.TunedSweeper"),  # a preset chooses its sweeper
        (["experiment=tuned_optimizers", "hydra/sweeper=sobol"], "points.PointsSweeper"),
        (["experiment=demo"], "grid.GridSweeper"),
    ],
)
def test_a_preset_may_be_one_of_tuning(arguments, sweeper, capsys):
    assert main(["train", *arguments, "--cfg", "hydra", "--package", "hydra.sweeper"]) == 0
    shown = capsys.readouterr().out
    assert f"_target_: hydra_plugins.harness_sweepers.{sweeper}\n" in shown
    assert ("trials: 32" in shown) == (sweeper != "grid.GridSweeper")


KILLED = """
import os, signal, sys
from harness import application
from harness.cli import main
from hydra_plugins.harness_launchers.fused import FusedLauncher

launch = FusedLauncher.launch

def killed(self, jobs, initial_job_idx):
    if initial_job_idx:
        launch(self, jobs[:5], initial_job_idx)
        os.kill(os.getpid(), signal.SIGKILL)
    return launch(self, jobs, initial_job_idx)

FusedLauncher.launch = killed
main(sys.argv[1:])
"""


@pytest.mark.slow
@pytest.mark.usefixtures("in_empty_folder")
def test_a_killed_protocol_goes_on_where_it_was(capsys):
    """It is killed when five of the twelve final and untuned runs are over."""
    assert (
        main(["train", "seed=2", *QUICK, "optimizer=sgd"]) == 0
    )  # like a final run, but of no phase
    command = [sys.executable, "-W", "error", "-c", KILLED, *TUNE]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    first = record()
    assert not first["complete"]
    assert [contender["setting"] is None for contender in first["contenders"]] == [False, False]
    # The writer process outlives it, and brings the store up to date
    deadline = time.monotonic() + 120
    while sum(r.tags.get("phase") in ("final", "untuned") and over(r) for r in logged()) < 5:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    (sweep,) = Path("outputs/sweeps").glob("*/*")
    moved = sweep.rename("first")
    assert main([*TUNE, "skip_finished=true"]) == 0
    shown = capsys.readouterr()
    assert "16 of 16 runs are finished already" in shown.err
    assert "5 of 12 runs are finished already" in shown.err
    assert "28 runs, 21 of them trained before: 28 finished" in shown.out
    second = record()
    assert [contender["setting"] for contender in second["contenders"]] == [
        contender["setting"] for contender in first["contenders"]
    ]
    assert moved.is_dir()
    phases = Counter(
        run.tags.get("phase") for run in logged() if run.tags["status"] != "interrupted"
    )
    assert phases == {None: 1, "tuning": 16, "final": 6, "untuned": 6}
    assert [len(contender["final"]) for contender in second["contenders"]] == [3, 3]
    folders = {run.tags["folder"] for run in logged()}
    assert {
        run["folder"] for contender in second["contenders"] for run in contender["final"]
    } <= folders
    assert [sweep.state for sweep in sweeps(URI, "harness")] == ["complete", "complete"]


@pytest.mark.slow
@pytest.mark.usefixtures("in_empty_folder")
@pytest.mark.parametrize("launcher", ["fused", pytest.param("basic", marks=pytest.mark.full)])
def test_failing_and_diverging_runs(launcher, capsys):
    """R² of one validation row is undefined, which fails at the start; a rate of 1e30 diverges."""
    fixed = ["dataset=diabetes", "split.validation=0.002", "training.max_epochs=1", "seed=0"]
    sampled = ["training.stopping.metric=choice(loss,r2)", "optimizer.lr=choice(1e30,1e-3)"]
    options = ["--trials=8", "--final-seeds=1", "--metric=loss", "hydra.sweeper.untuned=false"]
    launched = f"hydra/launcher={launcher}"
    assert main(["tune", *fixed, *sampled, *options, "optimizer=sgd", launched]) == 1
    shown = capsys.readouterr()
    (contender,) = record()["contenders"]
    trials = contender["tunings"][0]["trials"]
    for trial in trials:
        setting = trial["setting"]
        expected = {"r2": "failed", "loss": "finished"}[setting["training.stopping.metric"]]
        if expected == "finished" and setting["optimizer.lr"] == "1e+30":
            expected = "diverged"
        assert trial["ended"] == expected
        assert (trial["score"] is None) == (expected != "finished")
    assert {trial["ended"] for trial in trials} == {"finished", "failed", "diverged"}
    assert contender["setting"] == {"training.stopping.metric": "loss", "optimizer.lr": "0.001"}
    assert "failed and gave no score" in shown.err
    assert [run["status"] for run in contender["final"]] == ["finished"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--trails", "3"],
            "Unknown option '--trails'. Did you mean '--trials'? Allowed: --extend,",
        ),
        (["--trials", "few"], "could not be converted to Integer"),
        (["--trials", "1"], "'hydra.sweeper.trials' must be 2 or more. Got 1."),
        (["--method=lhs"], "Unknown method 'lhs'"),
        (
            ["--metric=r2"],
            "Unknown metric of a binary task 'r2'. Allowed: accuracy, loss, macro_f1.",
        ),
        (["hydra.sweeper.trails=2"], "Did you mean 'hydra.sweeper.trials'?"),
        (["--extend", "optimizer=sdg"], "Unknown optimizer 'sdg'"),
        (["split.validation=0", "training.stopping.patience=null"], "Set split.validation above 0"),
        (["optimizer=sgd", "optimizer.lr=0.1"], "Nothing to sample for optimizer=sgd"),
        (["tracking.phase=last"], "'tracking.phase' must be tuning, tuning-2"),
    ],
)
def test_a_mistake_gets_one_message_and_leaves_no_run(
    arguments, message, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["harness"])
    assert main(["tune", *QUICK, *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("harness: error: ")
    assert message in shown.err
    assert shown.err.count("\n") == 1
    assert not list(tmp_path.rglob("mlflow.db"))
    assert not list(tmp_path.rglob("journal.jsonl"))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["seed=0,1"], ["seed=0,1"]),
        (["--trials", "8", "seed=0"], ["hydra.sweeper.trials=8", "seed=0"]),
        (["seed=0", "--trials=8", "lr=1"], ["hydra.sweeper.trials=8", "seed=0", "lr=1"]),
        (["--extend", "seed=0"], ["hydra.sweeper.extend=1", "seed=0"]),
        (["--extend", "3", "seed=0"], ["hydra.sweeper.extend=3", "seed=0"]),
        (["seed=0", "--extend"], ["hydra.sweeper.extend=1", "seed=0"]),
        (["--final-seeds", "5"], ["hydra.sweeper.final_seeds=5"]),
    ],
)
def test_options_are_short_for_settings_of_the_sweeper(arguments, expected, monkeypatch):
    from harness import application

    monkeypatch.setattr(application, "tune", lambda arguments: (arguments, None))
    assert main(["tune", *arguments]) == expected
