"""Sweeps that are killed, interrupted or have a failing job: real processes, a real store."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from harness.execution.resume import DONE
from harness.tracking.journal import JOURNAL
from harness.tracking.reading import logged_runs

pytestmark = pytest.mark.slow

BIN = Path(sys.executable).parent
URI = "sqlite:///outputs/mlflow.db"
# Four runs that are over at once, and four that are in training when the sweep is stopped
SWEEP = (
    "dataset=iris",
    "training.max_epochs=5,4000",
    "training.stopping.patience=null",
    "network.hidden=[4]",
    "seed=0,1,2,3",
)
PATIENCE = 60.0  # seconds, for a busy machine


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{BIN}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)


def harness(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "harness", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=2 * PATIENCE
    )


def until(condition, what):
    deadline = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert time.monotonic() < deadline, f"still not: {what}"
        time.sleep(0.02)
    return value


def results():
    return [json.loads(path.read_text()) for path in Path("outputs/sweeps").rglob("result.json")]


def over() -> int:
    """The number of runs whose end is in their journal, which is written last."""
    journals = Path("outputs").rglob(JOURNAL)
    return sum('"event": "ended"' in path.read_text() for path in journals)


def stopped_by(number: int, *more: str) -> subprocess.CompletedProcess[str]:
    """The sweep, stopped by a signal when four of its eight runs are over."""
    command = [sys.executable, "-m", "harness", "train", "-m", *SWEEP, *more]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        until(lambda: over() >= 4, "four runs are over")
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def sweeps():
    done = harness("sweeps", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def counts(sweep):
    return [sweep[name] for name in ("runs", "finished", "diverged", "failed", "missing", "state")]


def finished():
    """How many finished runs each identity has."""
    runs = logged_runs.search_runs(URI, "harness", {"kind": "run"})
    return Counter(run.tags["identity"] for run in runs if run.tags.get("status") in DONE)


def test_a_killed_sweep_goes_on_where_it_was():
    assert stopped_by(signal.SIGKILL).returncode == -signal.SIGKILL
    # The writer process outlives it, and brings the store up to date
    (first,) = until(
        lambda: [s for s in sweeps() if s["state"] != "running"], "the sweep's run has ended"
    )
    assert counts(first) == [8, 4, 0, 0, 4, "interrupted"]
    trained = {result["folder"] for result in results()}

    done = subprocess.run(
        first["complete_with"], shell=True, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert sorted(finished().values()) == [1] * 8
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    table = {row[0]: row[1] for row in rows if row[0] in ("5", "4000")}
    assert table == {"5": "4", "4000": "4"}  # all seeds of both, as if nothing had happened
    assert "8 runs, 4 of them trained before: 8 finished" in done.stdout
    assert [counts(sweep) for sweep in sweeps()] == [[8, 8, 0, 0, 0, "complete"]] * 2

    before = {path: path.read_bytes() for path in Path("outputs").rglob("parameters.safetensors")}
    assert {result["folder"] for result in results()} >= trained
    again = harness("train", "-m", *reversed(SWEEP), "skip_finished=true")
    assert again.returncode == 0, again.stderr
    assert "8 runs, 8 of them trained before: 8 finished" in again.stdout
    assert sorted(finished().values()) == [1] * 8
    assert {path: path.read_bytes() for path in Path("outputs").rglob("parameters*")} == before


@pytest.mark.parametrize("backend", ["numpy", "torch"])  # stacks in processes, and in threads
def test_an_interrupted_sweep_says_what_completes_it(backend):
    if backend == "torch":
        pytest.importorskip("torch")
    done = stopped_by(signal.SIGINT, f"backend={backend}")
    assert done.returncode == 130
    assert "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-2:]
    assert last[0] == "harness: interrupted"
    (sweep,) = sweeps()  # everything was written before the process ended
    assert counts(sweep) == [8, 4, 0, 0, 4, "interrupted"]
    assert last[1].endswith(f": {sweep['complete_with']}")
    assert sorted(finished().values()) == [1] * 4


def test_what_another_sweep_has_finished_is_not_trained_again():
    common = ("dataset=iris", "training.max_epochs=2", "tracking.picture=false")
    assert harness("train", *common, "seed=1", "optimizer.lr=0.01").returncode == 0  # no sweep
    assert harness("train", "-m", *common, "seed=2,3", "optimizer.lr=1e-2").returncode == 0
    wider = ("train", "-m", *common, "optimizer.lr=0.01", "seed=1,2,3,4", "skip_finished=true")
    done = harness(*wider)
    assert done.returncode == 0, done.stderr
    assert "4 runs, 3 of them trained before: 4 finished" in done.stdout
    assert sorted(finished().values()) == [1] * 4
    assert [counts(sweep)[0] for sweep in sweeps()] == [2, 4]
    # Without the folders of the earlier runs the store is asked
    table = [line for line in done.stdout.splitlines() if line.startswith("4\t")]
    os.rename("outputs/sweeps", "outputs/moved")
    os.rename("outputs/runs", "outputs/moved runs")
    again = harness(*wider)
    assert again.returncode == 0, again.stderr
    assert [line for line in again.stdout.splitlines() if line.startswith("4\t")] == table


@pytest.mark.parametrize(
    "launcher",
    # launching/test_launchers.py has failing jobs on the others
    ["fused", *(pytest.param(name, marks=pytest.mark.full) for name in ("basic", "joblib"))],
)
def test_a_failing_job_ends_no_other(launcher):
    """R² of a single validation row is undefined, which is found when training starts."""
    if launcher == "joblib":
        pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    metrics = "training.stopping.metric=loss,r2,squared_error"
    common = ("dataset=diabetes", "split.validation=0.002", "training.max_epochs=2")
    done = harness("train", "-m", f"hydra/launcher={launcher}", *common, metrics)
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if "failed after" in line]
    assert "training.stopping.metric=r2" in line
    assert "R² is undefined for fewer than 2 validation rows" in line
    assert "3 runs: 2 finished, 1 failed" in done.stdout
    command = done.stdout.split("Train what is not finished with: ")[1].splitlines()[0]
    (sweep,) = sweeps()
    assert counts(sweep) == [3, 2, 0, 1, 0, "incomplete"]
    assert sweep["complete_with"] == command
    (run,) = logged_runs.search_runs(URI, "harness", {"kind": "run", "status": "failed"})
    assert run.status == "FAILED"
    assert "2 validation rows" in (Path(run.tags["folder"]) / "error.txt").read_text()
    (sweep,) = logged_runs.search_runs(URI, "harness", {"kind": "sweep"})
    assert sweep.tags["jobs"] == "3"


def test_sweeps_of_an_empty_folder():
    done = harness("sweeps")
    assert done.returncode == 0
    assert "There is no sweep in the experiment 'harness'" in done.stdout
    assert not Path("outputs").exists()
