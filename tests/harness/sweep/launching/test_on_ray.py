"""Real sweeps on a real Ray cluster of two nodes, whose workers are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import warnings
from importlib.util import find_spec
from pathlib import Path

import pytest

from harness.sweep.launching.on_ray import _unmet
from launched_sweeps import logged, results
from processes import is_running, wait_for_a_worker

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="needs Ray")

SWEEP = (
    "dataset=iris",
    "training.max_epochs=400",
    "training.stopping.patience=null",
    "optimizer=sgd,adam",
    "seed=range(4)",
)
ON_RAY = ("hydra/launcher=ray", "hydra.launcher.stack_size=4")


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "harness", "train", "-m", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.fixture(scope="module")
def address():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray's are its own
        from ray.cluster_utils import Cluster

        cluster = Cluster(
            initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
        )
        cluster.add_node(num_cpus=1)
        yield f"hydra.launcher.address={cluster.address}"
        cluster.shutdown()


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The results of the same sweep without Ray."""
    folder = tmp_path_factory.mktemp("alone")
    process = start(folder, *SWEEP)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    return results(folder)


@pytest.mark.slow
def test_a_worker_is_killed_and_nothing_is_lost(address, alone, tmp_path):
    process = start(tmp_path, *SWEEP, *ON_RAY, address)
    os.kill(wait_for_a_worker(tmp_path, process), signal.SIGKILL)
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    assert "a worker process died: training 4 runs of its stack once more" in errors
    assert results(tmp_path) == alone
    assert sorted(run.tags["folder"][-2:] for run in logged(tmp_path)) == [
        f"/{n}" for n in range(8)
    ]
    assert {run.status for run in logged(tmp_path)} == {"FINISHED"}
    assert "[8/8]" in errors
    assert "8 runs: 8 finished" in output
    assert "raylet" not in output + errors


@pytest.mark.slow
@pytest.mark.full  # test_remote_stacks.py has it without Ray
def test_a_death_that_persists_is_the_failure_of_its_stack_alone(address, alone, tmp_path):
    process = start(tmp_path, *SWEEP, *ON_RAY, address, "hydra.launcher.max_retries=0")
    os.kill(wait_for_a_worker(tmp_path, process), signal.SIGKILL)
    output, errors = process.communicate()
    assert process.returncode == 1, errors
    on_ray = results(tmp_path)
    failed = {job for job, result in on_ray.items() if result["status"] == "failed"}
    assert len(failed) == 4
    assert {job: r for job, r in on_ray.items() if job not in failed} == {
        job: r for job, r in alone.items() if job not in failed
    }
    assert {on_ray[job]["error"] for job in failed} == {"a worker process died"}
    status = {run.tags["folder"].rpartition("/")[2]: run.status for run in logged(tmp_path)}
    assert status == {job: "FAILED" if job in failed else "FINISHED" for job in on_ray}
    assert len(logged(tmp_path)) == 8
    assert "4 finished, 4 failed" in output


@pytest.mark.slow
def test_an_interruption_ends_a_local_cluster_and_its_runs(tmp_path):
    process = start(tmp_path, *SWEEP, *ON_RAY, "training.max_epochs=100000")
    worker = wait_for_a_worker(tmp_path, process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "harness: interrupted" in errors
    deadline = time.monotonic() + 20  # the cluster ends its workers after the command has ended
    while is_running(worker) or "RUNNING" in {run.status for run in logged(tmp_path)}:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert {run.status for run in logged(tmp_path)} == {"KILLED"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("address=127.0.0.1:1", "There is no Ray cluster at hydra.launcher.address=127.0.0.1:1"),
        ("address=nowhere", "it is not of the form HOST:PORT"),
        ("stack_size=0", "hydra.launcher.stack_size must be 1 or more. Got 0."),
        # Of a local cluster: one at an address may grow
        ("num_gpus=99", "No machine of the Ray cluster has hydra.launcher.num_cpus=1 and"),
    ],
    ids=str,
)
def test_settings_that_cannot_be_are_refused_before_anything_trains(setting, words, tmp_path):
    process = start(tmp_path, *SWEEP, *ON_RAY, f"hydra.launcher.{setting}")
    _, errors = process.communicate()
    assert process.returncode == 2
    assert words in errors
    assert "Traceback" not in errors
    assert not (tmp_path / "outputs" / "mlflow.db").exists()


def test_claims_that_no_machine_can_meet_are_named():
    small, large = ({"Resources": {"CPU": float(cpus)}} for cpus in (2, 8))
    assert _unmet([small, large], {"CPU": 4, "GPU": 0}) == ""
    assert "the most are 8 CPUs and 0 GPUs" in _unmet([small, large], {"CPU": 4, "GPU": 1})
    assert _unmet([small | {"Resources": {"CPU": 1.0, "GPU": 1.0}}, large], {"CPU": 4, "GPU": 1})
