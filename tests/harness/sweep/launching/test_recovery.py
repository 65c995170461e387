"""A worker is really killed: which of its runs are kept, and which are deleted from the store."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from harness.sweep.launching import recovery
from harness.sweep.launching.recovery import recover_finished
from harness.sweep.launching.serialization import dumps
from harness.sweep.launching.worker import train_stack
from harness.tracking.events import now_ms
from harness.tracking.reading.logged_runs import LoggedRun, search_runs
from harness.tracking.receipt import read_receipt

pytestmark = pytest.mark.slow

WORKER = """
import sys
from harness.sweep.launching.worker import train_stack
print(train_stack(sys.stdin.read()))
"""


@pytest.fixture
def jobs(jobs_of):
    """A run that is over at once, and two that train for a long time."""
    patience = "training.stopping.patience=null"
    epochs = (1, 100_000, 100_000)
    return jobs_of(
        *(f"seed={n} training.max_epochs={most} {patience}" for n, most in enumerate(epochs))
    )


def logged(store_uri):
    return {run.tags["seed"]: run for run in search_runs(store_uri, "there", {"kind": "run"})}


def kill_midway(text, jobs, store_uri):
    """Trains in a process of its own, which is killed once all runs are in the store."""
    with subprocess.Popen(
        [sys.executable, "-c", WORKER], stdin=subprocess.PIPE, text=True, start_new_session=True
    ) as worker:
        worker.stdin.write(text)
        worker.stdin.close()
        deadline = time.monotonic() + 60
        result = jobs[0].folder / "result.json"
        while not (result.exists() and len(logged(store_uri)) == 3):
            assert worker.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.kill(worker.pid, signal.SIGKILL)


def test_finished_runs_are_kept_and_another_try_of_the_rest_appears_once(registry, jobs, store_uri):
    since = now_ms()
    kill_midway(dumps(jobs, registry), jobs, store_uri)
    assert recover_finished(jobs, since) == [0]
    assert {seed: run.status for seed, run in logged(store_uri).items()} == {"0": "FINISHED"}
    train_stack(dumps([shortened(job) for job in jobs[1:]], registry))
    in_store = search_runs(store_uri, "there", {"kind": "run"})
    assert sorted(run.tags["seed"] for run in in_store) == ["0", "1", "2"]
    assert {run.status for run in in_store} == {"FINISHED"}
    for job in jobs:
        assert read_receipt(job.folder)["run_id"] in {run.run_id for run in in_store}


def shortened(job):
    training = replace(job.run.config.training, max_epochs=2)
    return replace(job, run=replace(job.run, config=replace(job.run.config, training=training)))


def test_what_an_earlier_sweep_left_in_the_same_folders_stays(registry, jobs, store_uri):
    kill_midway(dumps(jobs, registry), jobs, store_uri)
    deadline = time.monotonic() + 30
    while "RUNNING" in {run.status for run in logged(store_uri).values()}:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert recover_finished(jobs, now_ms()) == []
    assert len(logged(store_uri)) == 3


def test_a_worker_that_never_began_leaves_nothing_to_be_done(jobs):
    assert recover_finished(jobs, now_ms()) == []


def test_nothing_is_deleted_while_the_writer_process_may_still_write(jobs, monkeypatch):
    """First it has not begun a run, then it has not ended it; a journal is there all the time."""
    jobs[0].folder.mkdir(parents=True)
    (jobs[0].folder / "journal.jsonl").write_text("")
    tags = {"folder": str(jobs[0].folder)}
    answers = [
        [],
        [LoggedRun("a", "0", tags, "RUNNING")],
        [
            LoggedRun("a", "0", tags, "KILLED"),
            LoggedRun("b", "", {"folder": "elsewhere"}, "RUNNING"),
        ],
    ]
    of_store = iter(answers)
    monkeypatch.setattr(recovery, "search_runs", lambda *_: next(of_store))
    assert recovery._logged_runs(jobs, now_ms() - 60_000) == answers[2][:1]


def test_a_writer_process_that_died_as_well_is_not_waited_for_forever(jobs, monkeypatch):
    running = LoggedRun("a", "0", {"folder": str(jobs[0].folder)}, "RUNNING")
    monkeypatch.setattr(recovery, "GRACE", 0.5)
    monkeypatch.setattr(recovery, "search_runs", lambda *_: [running])
    assert recovery._logged_runs(jobs, now_ms()) == [running]
