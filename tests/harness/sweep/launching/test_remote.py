"""Both ends of the wire in one process: what a worker answers, and what the ledger makes of it."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import replace

import pytest

from harness.configuration.job import Job
from harness.configuration.settings import Tracking
from harness.errors import TrackingError
from harness.execution.progress import Progress
from harness.sweep.launching.remote import RemoteStacks, check_store, failed, train_stack
from harness.sweep.launching.serialization import pack
from harness.tracking.reading.logged_runs import search_runs
from harness.tracking.tracker import Tracker

KIND = {"kind": "run"}


@pytest.fixture
def jobs_of(run_of, store_uri, tmp_path):
    def make(*overrides):
        made = []
        for number, own in enumerate(overrides):
            run = run_of("dataset=iris", "training.max_epochs=2", *own.split())
            tracking = Tracking(store_uri, "there")
            run = replace(run, config=replace(run.config, tracking=tracking))
            folder = tmp_path / "sweep" / str(number)
            made.append(Job(run, folder, own, tuple(own.split()), "sweep"))
        return made

    return make


@pytest.fixture
def ledger_of(store_uri):
    """A ledger of jobs, what it shows, and all that is in the store once it is closed."""
    shown = io.StringIO()

    class Opened:
        def __init__(self, jobs, stack_size=8):
            self.tracker = Tracker(store_uri, "there")
            self.shown = shown
            self.ledger = RemoteStacks(jobs, self.tracker, Progress(shown), stack_size)

        def close(self):
            self.tracker.close()
            return search_runs(store_uri, "there", KIND)

    return Opened


def logged(store_uri):
    return search_runs(store_uri, "there", KIND)


@pytest.mark.slow
def test_a_worker_trains_and_logs_and_answers_with_the_results(registry, jobs_of, store_uri):
    jobs = jobs_of("seed=0", "seed=1", "seed=2 objective.auxiliary.hidden_l1=1e-6")
    answer = json.loads(train_stack(pack(jobs, registry), workers=2))
    assert answer["error"] == ""
    kept = [json.loads((job.folder / "result.json").read_text()) for job in jobs]
    assert answer["results"] == kept
    assert [result["status"] for result in kept] == ["finished"] * 3
    assert sorted(run.tags["folder"] for run in logged(store_uri)) == [str(j.folder) for j in jobs]
    assert "more than ten times hidden_l1" in answer["warnings"][0]


@pytest.mark.slow
def test_an_error_is_part_of_the_answer(registry, jobs_of, tmp_path):
    table = f"dataset=table dataset.path={tmp_path}/no.csv dataset.target=y"
    text = pack(jobs_of(table), registry)
    assert "no.csv" in json.loads(train_stack(text))["error"]
    broken = json.loads(train_stack("{}"))
    assert broken["error"]
    assert "Traceback" in broken["details"]


def test_a_worker_elsewhere_does_not_make_a_sqlite_store_of_its_own(registry, jobs_of, store_uri):
    text = json.loads(pack(jobs_of("seed=0"), registry))
    answer = json.loads(train_stack(json.dumps(text | {"host": "far-away"})))
    assert "far-away" in answer["error"]
    assert "postgresql://" in answer["error"]
    assert not logged(store_uri)


def test_several_machines_need_a_store_that_they_share(monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "here")
    check_store(Tracking("sqlite:///a.db"), ["here", "here"])
    check_store(Tracking("http://mlflow.example.org"), ["here", "there"])
    check_store(Tracking("postgresql://db/lab"), ["here", "there"])
    with pytest.raises(TrackingError, match=r"train on here, there, and a SQLite file"):
        check_store(Tracking("sqlite:///a.db"), ["there", "here"])


@pytest.mark.slow
def test_stacks_are_of_like_size_and_halving_keeps_a_group_whole(jobs_of, ledger_of):
    seeds = [f"seed={n}" for n in range(7)]
    halved = [f"seed={n} training.halving.factor=2" for n in range(5)]
    opened = ledger_of(jobs_of(*seeds, *halved), stack_size=3)
    stacks = opened.ledger.stacks
    assert sorted(len(stack) for stack in stacks) == [2, 2, 3, 5]
    assert sorted(position for stack in stacks for position in stack) == list(range(12))
    assert [7, 8, 9, 10, 11] in [sorted(stack) for stack in stacks]
    opened.close()


@pytest.mark.slow
def test_results_are_left_here_too_where_the_worker_had_its_own_disk(jobs_of, ledger_of):
    jobs = jobs_of("seed=0", "seed=1")
    opened = ledger_of(jobs)
    (stack,) = opened.ledger.stacks
    answer = train_stack(opened.ledger.text(stack))
    there = [json.loads((job.folder / "result.json").read_text()) for job in jobs]
    shutil.rmtree(jobs[0].folder.parent)
    opened.ledger.take(stack, answer)
    assert [json.loads((job.folder / "result.json").read_text()) for job in jobs] == there
    results = opened.ledger.results()
    assert [result.overrides for result in results] == [("seed=0",), ("seed=1",)]
    assert [result.metrics for result in results] == [fields["metrics"] for fields in there]
    assert len(opened.close()) == 2
    assert "[2/2]" in opened.shown.getvalue()


@pytest.mark.slow
def test_what_no_worker_could_train_becomes_failed_runs(jobs_of, ledger_of):
    jobs = jobs_of("seed=0", "seed=1")
    opened = ledger_of(jobs, stack_size=1)
    first, second = opened.ledger.stacks
    opened.ledger.take(first, train_stack(opened.ledger.text(first)))
    opened.ledger.take(second, failed("the disk is full"))
    results = {result.name: result for result in opened.ledger.results()}
    assert results["seed=1"].status == "failed"
    assert results["seed=1"].error == "the disk is full"
    assert (jobs[1].folder / "error.txt").read_text() == "the disk is full"
    assert json.loads((jobs[1].folder / "result.json").read_text())["status"] == "failed"
    found = {run.tags["seed"]: run for run in opened.close()}
    assert (found["0"].status, found["1"].status) == ("FINISHED", "FAILED")
    assert found["1"].tags["sweep"] == "sweep"
    assert found["1"].tags["optimizer"] == "adam"
    assert "failed after 0 epochs, the disk is full" in opened.shown.getvalue()


@pytest.mark.slow
def test_trained_runs_that_the_store_did_not_take_are_an_error_at_the_end(jobs_of, ledger_of):
    opened = ledger_of(jobs_of("seed=0"))
    (stack,) = opened.ledger.stacks
    answer = json.loads(train_stack(opened.ledger.text(stack)))
    answer["error"] = "the store went away"
    opened.ledger.take(stack, json.dumps(answer))
    with pytest.raises(TrackingError, match="the store went away"):
        opened.ledger.results()
    opened.close()
