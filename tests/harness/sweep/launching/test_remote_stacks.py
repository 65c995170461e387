"""What a launching process makes of the answers of workers, which train in this process here."""

from __future__ import annotations

import json
import shutil

import pytest

from harness.errors import TrackingError
from harness.sweep.launching.worker import failure, train_stack

pytestmark = pytest.mark.slow


def test_stacks_are_of_like_size_and_halving_keeps_a_group_whole(jobs_of, launch_of):
    seeds = [f"seed={n}" for n in range(7)]
    halved = [f"seed={n} training.halving.factor=2" for n in range(5)]
    launch = launch_of(jobs_of(*seeds, *halved), stack_size=3)
    stacks = launch.remote.stacks
    assert sorted(len(stack) for stack in stacks) == [2, 2, 3, 5]
    assert sorted(position for stack in stacks for position in stack) == list(range(12))
    assert [7, 8, 9, 10, 11] in [sorted(stack) for stack in stacks]
    launch.close()


def test_results_are_left_here_too_where_the_worker_had_its_own_disk(jobs_of, launch_of):
    jobs = jobs_of("seed=0", "seed=1")
    launch = launch_of(jobs)
    (stack,) = launch.remote.stacks
    answer = train_stack(launch.remote.text(stack))
    written = [json.loads((job.folder / "result.json").read_text()) for job in jobs]
    shutil.rmtree(jobs[0].folder.parent)
    launch.remote.receive(stack, answer)
    assert [json.loads((job.folder / "result.json").read_text()) for job in jobs] == written
    results = launch.remote.results()
    assert [result.overrides for result in results] == [("seed=0",), ("seed=1",)]
    assert [result.metrics for result in results] == [fields["metrics"] for fields in written]
    assert len(launch.close()) == 2
    assert "[2/2]" in launch.output.getvalue()


def test_what_no_worker_could_train_becomes_failed_runs(jobs_of, launch_of):
    jobs = jobs_of("seed=0", "seed=1")
    launch = launch_of(jobs, stack_size=1)
    first, second = launch.remote.stacks
    launch.remote.receive(first, train_stack(launch.remote.text(first)))
    launch.remote.receive(second, failure("the disk is full"))
    results = {result.name: result for result in launch.remote.results()}
    assert results["seed=1"].status == "failed"
    assert results["seed=1"].error == "the disk is full"
    assert (jobs[1].folder / "error.txt").read_text() == "the disk is full"
    assert json.loads((jobs[1].folder / "result.json").read_text())["status"] == "failed"
    logged = {run.tags["seed"]: run for run in launch.close()}
    assert (logged["0"].status, logged["1"].status) == ("FINISHED", "FAILED")
    assert logged["1"].tags["sweep"] == "sweep"
    assert logged["1"].tags["optimizer"] == "adam"
    assert "failed after 0 epochs, the disk is full" in launch.output.getvalue()


def test_trained_runs_that_the_store_did_not_take_are_an_error_at_the_end(jobs_of, launch_of):
    launch = launch_of(jobs_of("seed=0"))
    (stack,) = launch.remote.stacks
    answer = json.loads(train_stack(launch.remote.text(stack)))
    answer["error"] = "the store went away"
    launch.remote.receive(stack, json.dumps(answer))
    with pytest.raises(TrackingError, match="the store went away"):
        launch.remote.results()
    launch.close()
