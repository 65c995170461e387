"""The sweepers as a person meets them: real multiruns of the command."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from harness.cli import main
from harness.errors import ConfigurationError

QUICK = ("dataset=moons", "training.max_epochs=1")


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["harness"])
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    return tmp_path


def jobs(folder: Path) -> list[dict[str, str]]:
    """What each job chose, in order of the jobs; their folders are numbered from 0 without a gap."""
    (sweep,) = (folder / "outputs" / "sweeps").glob("*/*")
    count = len(list(sweep.glob("*/result.json")))
    results = [json.loads((sweep / str(n) / "result.json").read_text()) for n in range(count)]
    assert (sweep / "multirun.yaml").exists()
    return [dict(o.split("=", 1) for o in result["overrides"]) for result in results]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sweeper", "launcher"), [("sobol", "fused"), ("halton", "basic"), ("random", "fused")]
)
def test_each_optimizer_is_sampled_over_its_own_space(sweeper, launcher, tmp_path):
    """Two contenders, two trials, two seeds; the batch size is sampled besides."""
    chosen = ["optimizer=sgd,adam", "seed=0,1", "training.batch_size=choice(16,32)"]
    settings = [f"hydra/sweeper={sweeper}", f"hydra/launcher={launcher}", "hydra.sweeper.trials=2"]
    assert main(["train", "-m", *QUICK, *chosen, *settings]) == 0
    chosen_by_jobs = jobs(tmp_path)
    assert Counter((job["optimizer"], job["seed"]) for job in chosen_by_jobs) == {
        (optimizer, seed): 2 for optimizer in ("sgd", "adam") for seed in ("0", "1")
    }
    sampled = [
        {k: v for k, v in job.items() if k.startswith("optimizer.")} for job in chosen_by_jobs
    ]
    assert [sorted(setting) for setting in sampled] == [["optimizer.lr"]] * 4 + [
        ["optimizer.beta1", "optimizer.beta2", "optimizer.lr"]
    ] * 4
    assert sampled[0] == sampled[1]  # the same setting for both seeds
    assert sampled[0] != sampled[2]
    assert {job["training.batch_size"] for job in chosen_by_jobs} <= {"16", "32"}


@pytest.mark.slow
def test_a_grid_is_hydras_and_its_batches_go_on_with_the_numbers(tmp_path):
    preset = tmp_path / "own" / "experiment"
    preset.mkdir(parents=True)
    (preset / "mine.yaml").write_text(
        "# @package _global_\nhydra:\n  mode: MULTIRUN\n  sweeper:\n    params:\n"
        "      optimizer: sgd,adam\n      seed: range(0,2)\n"
    )
    arguments = ["experiment=mine", "hydra/sweeper=grid", "hydra.sweeper.max_batch_size=3"]
    assert main(["train", "--config-dir", str(tmp_path / "own"), *QUICK, *arguments]) == 0
    assert [(job["optimizer"], job["seed"]) for job in jobs(tmp_path)] == [
        ("sgd", "0"),
        ("sgd", "1"),
        ("adam", "0"),
        ("adam", "1"),
    ]


@pytest.mark.parametrize(("launcher", "times"), [("fused", 0), ("basic", 1)])
def test_a_grid_composes_its_jobs_beforehand_only_where_the_launcher_does_not(
    launcher, times, monkeypatch
):
    from hydra.plugins.sweeper import Sweeper

    checked = []

    def check(sweeper, batch):
        checked.append(batch)
        raise ConfigurationError("found before the launch")

    monkeypatch.setattr(Sweeper, "validate_batch_is_legal", check)
    arguments = ["hydra/sweeper=grid", f"hydra/launcher={launcher}", "optimizer.lr=-1,-2"]
    assert main(["train", "-m", *QUICK, *arguments]) == 2
    assert len(checked) == times


KILLED = """
import os, signal, sys
from harness import application
from harness.cli import main
from hydra_plugins.harness_launchers.fused import FusedLauncher

launch = FusedLauncher.launch

def killed(self, jobs, initial_job_idx):
    if initial_job_idx:
        os.kill(os.getpid(), signal.SIGKILL)
    return launch(self, jobs, initial_job_idx)

FusedLauncher.launch = killed
main(sys.argv[1:])
"""


@pytest.mark.slow
def test_a_killed_search_goes_on_where_it_was(tmp_path, capsys):
    optuna = pytest.importorskip("optuna")
    search = ["train", "-m", *QUICK, "optimizer=sgd,adam", "seed=0,1", "hydra/sweeper=optuna"]
    search += ["hydra.sweeper.study=one", "hydra.sweeper.trials=4", "hydra.sweeper.batch=2"]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", KILLED, *search], capture_output=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr

    def states():
        storage = optuna.storages.RDBStorage(f"sqlite:///{tmp_path / 'outputs' / 'optuna.db'}")
        by_study = {
            name: [t.state.name for t in optuna.load_study(study_name=name, storage=storage).trials]
            for name in ("one optimizer=sgd", "one optimizer=adam")
        }
        storage.engine.dispose()
        return by_study

    assert set(map(tuple, states().values())) == {("COMPLETE", "COMPLETE", "RUNNING", "RUNNING")}
    (first,) = (tmp_path / "outputs" / "sweeps").glob("*/*")
    first.rename(tmp_path / "first")
    assert main(search) == 0
    assert set(map(tuple, states().values())) == {
        ("COMPLETE",) * 2 + ("FAIL",) * 2 + ("COMPLETE",) * 2
    }
    assert len(jobs(tmp_path)) == 2 * 2 * 2
    shown = capsys.readouterr().out
    assert shown.count("best validation score") == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["hydra/sweeper=sobl"], "Unknown hydra/sweeper 'sobl'. Did you mean 'sobol'?"),
        (["hydra/sweeper=sobol", "hydra.sweeper.trials=0"], "must be 1 or more. Got 0."),
        (["hydra/sweeper=sobol", "hydra.sweeper.trials=few"], "could not be converted to Integer"),
        (["hydra/sweeper=sobol", "hydra.sweeper.trails=2"], "Did you mean 'hydra.sweeper.trials'?"),
        (["hydra/sweeper=sobol", "hydra.sweeper.method=lhs"], "Unknown method 'lhs'"),
        (["hydra/sweeper=random", "optimizer.lr=interval(1,0.1)"], "from a lower to a higher"),
        (["hydra/sweeper=halton", "optimizer.lr=interval(-2,-1)"], "'lr' of Adam must be in the"),
        (
            ["hydra/sweeper=sobol", "training.batch_size=interval(4,8)"],
            "training.batch_size: Value",
        ),
        (["hydra/sweeper=grid", "optimizer.lr=interval(0.1,1)"], "a grid needs values, as in"),
        (["hydra/sweeper=grid", "hydra.sweeper.max_batch_size=0"], "must be 1 or more, or null"),
        (["hydra/sweeper=optuna", "hydra.sweeper.sampler=cma"], "Unknown sampler 'cma'"),
        (["hydra/sweeper=optuna", "hydra.sweeper.storage=nowhere"], "cannot be opened"),
        (["hydra/sweeper=optuna", "hydra.sweeper.batch=0"], "must be 1 or more. Got 0."),
        (
            ["hydra/sweeper=optuna", "split.validation=0", "training.stopping.patience=null"],
            "Set split.validation above 0",
        ),
    ],
)
def test_a_mistake_gets_one_message_and_leaves_no_run(arguments, message, capsys, tmp_path):
    assert main(["train", "-m", *QUICK, *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("harness: error: ")
    assert message in shown.err
    assert shown.err.count("\n") == 1
    assert not list(tmp_path.rglob("mlflow.db"))
    assert not list(tmp_path.rglob("journal.jsonl"))
