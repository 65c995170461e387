"""Sweeps as array tasks: on submitit's local executor, and on stand-ins for Slurm's commands."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

import pytest

from harness.execution.progress import Progress
from harness.sweep.launching.on_slurm import SlurmSettings, _executor, _train, train_in_time
from harness.sweep.launching.remote_stacks import RemoteStacks
from harness.sweep.launching.serialization import dumps
from harness.tracking.reading.logged_runs import search_runs
from harness.tracking.tracker import Tracker
from hydra_plugins.harness_launchers.slurm import SlurmLauncherConf
from launched_sweeps import logged, results

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("submitit") is None, reason="needs submitit"),
]

SWEEP = (
    "dataset=iris",
    "training.max_epochs=400",
    "training.stopping.patience=null",
    "optimizer=sgd,adam",
    "seed=range(2)",
)


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "harness", "train", "-m", *SWEEP, *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def kill_a_task(folder: Path, process: subprocess.Popen[str]) -> None:
    """Kills a task of this sweep that has trained for some epochs."""
    while process.poll() is None:
        for journal in folder.glob("outputs/sweeps/*/*/*/journal.jsonl"):
            if journal.stat().st_size > 20_000:
                for task in Path("/proc").glob("[0-9]*"):
                    try:
                        of_submitit = b"submitit.core._submit" in (task / "cmdline").read_bytes()
                        if of_submitit and (task / "cwd").resolve() == folder:
                            os.kill(int(task.name), signal.SIGKILL)
                            return
                    except OSError:  # it is over
                        continue
        time.sleep(0.01)
    raise AssertionError(process.communicate())


def test_a_task_is_killed_and_the_others_are_as_alone(tmp_path):
    (tmp_path / "alone").mkdir()
    (tmp_path / "tasks").mkdir()
    alone = start(tmp_path / "alone")
    _, errors = alone.communicate()
    assert alone.returncode == 0, errors
    process = start(
        tmp_path / "tasks",
        "hydra/launcher=slurm",
        "hydra.launcher.cluster=local",
        "hydra.launcher.array_parallelism=1",
        "hydra.launcher.stack_size=2",
    )
    kill_a_task(tmp_path / "tasks", process)
    _, errors = process.communicate()
    assert process.returncode == 1, errors
    expected, in_tasks = results(tmp_path / "alone"), results(tmp_path / "tasks")
    failed = {job for job, result in in_tasks.items() if result["status"] == "failed"}
    assert len(failed) == 2
    assert all(in_tasks[job] == expected[job] for job in in_tasks.keys() - failed)
    assert all("ended without an answer" in in_tasks[job]["error"] for job in failed)
    status = {
        run.tags["folder"].rpartition("/")[2]: run.status for run in logged(tmp_path / "tasks")
    }
    assert status == {job: "FAILED" if job in failed else "FINISHED" for job in "0123"}
    assert len(logged(tmp_path / "tasks")) == 4
    (logs,) = (tmp_path / "tasks").glob("outputs/sweeps/*/*/.submitit")
    assert list(logs.glob("*_log.err"))


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("cluster=slurm", "train on the machines of the Slurm cluster, and a SQLite file"),
        ("cluster=slrm", "hydra.launcher.cluster must be one of slurm, local, debug. Got 'slrm'."),
        ("timeout_min=0", "hydra.launcher.timeout_min must be 1 or more. Got 0."),
    ],
    ids=str,
)
def test_settings_that_cannot_be_are_refused_before_anything_trains(setting, words, tmp_path):
    process = start(tmp_path, "hydra/launcher=slurm", f"hydra.launcher.{setting}")
    _, errors = process.communicate()
    assert process.returncode == 2
    assert words in errors
    assert "Traceback" not in errors
    assert not (tmp_path / "outputs" / "mlflow.db").exists()


def jobs_with(jobs_of, *epochs):
    """A job for each number of epochs, seeds from 0 on."""
    patience = "training.stopping.patience=null"
    return jobs_of(
        *(f"seed={n} training.max_epochs={count} {patience}" for n, count in enumerate(epochs))
    )


def test_the_signal_before_the_time_limit_ends_training_in_good_order(
    registry, jobs_of, store_uri, tmp_path
):
    handler = signal.getsignal(signal.SIGUSR2)
    jobs = jobs_with(jobs_of, 1, 100_000)
    signalled = threading.Event()

    def signal_midway():
        while not (jobs[0].folder / "result.json").exists():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGUSR2)
        signalled.set()

    threading.Thread(target=signal_midway, daemon=True).start()
    answer = train_in_time(dumps(jobs, registry), 1)
    assert signalled.wait(1)
    assert "hydra.launcher.timeout_min" in json.loads(answer)["error"]
    assert signal.getsignal(signal.SIGUSR2) == handler
    status = {run.tags["seed"]: run.status for run in search_runs(store_uri, "there")}
    assert status == {"0": "FINISHED", "1": "KILLED"}
    # The finished run stays finished, and the other one becomes a failed run
    with Tracker(store_uri, "there") as tracker:
        remote = RemoteStacks(jobs, tracker, Progress(io.StringIO()), 2)
        remote._since = 0
        remote.receive([0, 1], answer)
        assert [result.status for result in remote.results()] == ["finished", "failed"]
    status = {run.tags["seed"]: run.status for run in search_runs(store_uri, "there")}
    assert status == {"0": "FINISHED", "1": "FAILED"}


SBATCH = """#!{python}
import os, re, subprocess, sys
text = open(sys.argv[1]).read()
open(os.path.join(os.path.dirname(__file__), "submitted"), "a").write(text)
last = int(re.search(r"--array=0-(\\d+)", text)[1])
for number in range(last + 1):
    one = dict(SLURM_JOB_ID=f"7_{{number}}", SLURM_ARRAY_JOB_ID="7", SLURM_ARRAY_TASK_ID=str(number))
    rest = dict(SLURM_NTASKS="1", SLURM_JOB_NUM_NODES="1", SLURM_NODEID="0", SLURM_PROCID="0")
    subprocess.Popen(
        ["bash", sys.argv[1]], env={{**os.environ, **one, **rest, "SLURM_LOCALID": "0"}},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
print("Submitted batch job 7")
"""
SRUN = """#!/bin/bash
while [[ $1 == --* ]]; do [[ $1 == --unbuffered ]] && shift || shift 2; done
exec "$@"
"""
SACCT = """#!/bin/bash
echo 'JobID|State|NodeList'; echo '7_0|RUNNING|a'; echo '7_1|RUNNING|a'
"""


def test_stacks_become_tasks_of_one_array(jobs_of, store_uri, tmp_path, monkeypatch):
    """A stand-in for sbatch starts the tasks here; its options are compared with the settings."""
    commands = tmp_path / "commands"
    commands.mkdir()
    for name, text in (("sbatch", SBATCH), ("srun", SRUN), ("sacct", SACCT), ("scancel", SRUN)):
        (commands / name).write_text(
            text.format(python=sys.executable) if name == "sbatch" else text
        )
        (commands / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")
    conf = SlurmLauncherConf(
        partition="short",
        timeout_min=7,
        cpus_per_task=2,
        mem_gb=3,
        array_parallelism=5,
        folder=str(tmp_path / "logs"),
        additional_parameters={"account": "vision"},
    )
    settings = SlurmSettings(**{k: v for k, v in asdict(conf).items() if k != "_target_"})
    jobs = jobs_with(jobs_of, 2, 2, 2)
    with Tracker(store_uri, "there") as tracker:
        remote = RemoteStacks(jobs, tracker, Progress(io.StringIO()), 2)
        _train(_executor(settings), remote, settings.cpus_per_task, len(remote.stacks))
        assert [result.status for result in remote.results()] == ["finished"] * 3
    assert len(search_runs(store_uri, "there")) == 3
    script = (commands / "submitted").read_text()
    for line in ("array=0-1%2", "partition=short", "time=7", "cpus-per-task=2", "mem=3GB"):
        assert f"#SBATCH --{line}\n" in script
    assert "#SBATCH --account=vision\n" in script
    assert "gpus" not in script
