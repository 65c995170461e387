"""Workers: what they yield together, and what becomes of the others when one dies."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from dataclasses import dataclass, replace

import numpy as np
import pytest

from harness.data.on_device import DeviceData
from harness.data.preparing import prepare
from harness.execution.workers import (
    DIED,
    RunFailed,
    StackTask,
    has_abandoned_threads,
    train_in_workers,
)
from harness.training.records import Began, Ended, Epoch
from harness.training.run_queue import FORK, RunQueue

forks = pytest.mark.skipif(FORK is None, reason="no processes are forked on this system")


@pytest.fixture
def tasks_of(run_of):
    """Tasks of runs that share a group, for two workers."""

    def make(*runs, stack_size=1, backend=None):
        config = runs[0].config
        data = prepare(
            config.dataset.load(), config.dataset.task, config.loss.output_activation, config.split
        )
        placed = DeviceData(backend or config.backend, data)
        return [StackTask(0, runs, placed, RunQueue(range(len(runs))), stack_size)] * 2

    return make


def by_run(messages):
    """What happened to each run: how it ended, and its validation losses."""
    ended, losses = {}, {}
    for number, record in messages:
        assert number == 0
        if isinstance(record, Epoch):
            for row, run in enumerate(record.runs):
                losses.setdefault(run, []).append(record.metrics["validation/loss"][row])
        elif not isinstance(record, Began):
            ended[record.run] = record
    return ended, losses


class Threaded:
    """A backend that must not be forked, and is otherwise the one it stands for."""

    forkable = False

    def __init__(self, backend):
        self._backend = backend

    def __getattr__(self, name):
        return getattr(self._backend, name)


@pytest.mark.parametrize("forked", [pytest.param(True, marks=forks), False])
def test_two_workers_give_what_one_gives(run_of, tasks_of, forked):
    runs = [run_of("dataset=iris", "training.max_epochs=3", f"seed={s}") for s in range(5)]
    backend = None if forked else Threaded(runs[0].config.backend)
    expected, expected_losses = by_run(
        train_in_workers(tasks_of(*runs, stack_size=5)[:1], workers=1)
    )
    ended, losses = by_run(
        train_in_workers(tasks_of(*runs, stack_size=2, backend=backend), workers=2)
    )
    assert ended.keys() == expected.keys() == set(range(5))
    assert losses == expected_losses
    for run, record in ended.items():
        np.testing.assert_array_equal(record.theta, expected[run].theta)
        assert record.metrics == expected[run].metrics


@dataclass(frozen=True)
class Where:
    """A schedule that fails unless it runs where it should."""

    process: int
    elsewhere: bool

    def factor(self, step, horizon):
        if (os.getpid() != self.process) != self.elsewhere:
            raise RuntimeError("in the wrong process")
        if not self.elsewhere and threading.current_thread() is threading.main_thread():
            raise RuntimeError("in the wrong thread")
        return np.ones_like(step)


@pytest.mark.parametrize("forked", [pytest.param(True, marks=forks), False])
def test_a_backend_decides_between_processes_and_threads(run_of, tasks_of, forked):
    runs = [run_of("dataset=iris", "training.max_epochs=1", f"seed={s}") for s in range(2)]
    where = Where(os.getpid(), elsewhere=forked)
    runs = [replace(run, config=replace(run.config, schedule=where)) for run in runs]
    backend = None if forked else Threaded(runs[0].config.backend)
    ended, _ = by_run(train_in_workers(tasks_of(*runs, backend=backend), workers=2))
    assert all(isinstance(record, Ended) for record in ended.values())
    assert len(ended) == 2


@dataclass(frozen=True)
class Deadly:
    """A schedule that kills its process in the second epoch, as a crash in a library would."""

    def factor(self, step, horizon):
        if step[0] >= horizon.steps_per_epoch:
            os.kill(os.getpid(), signal.SIGKILL)
        return np.ones_like(step)


@forks
def test_a_worker_that_dies_takes_no_other_with_it(run_of, tasks_of):
    runs = [run_of("dataset=iris", "training.max_epochs=4", f"seed={s}") for s in range(6)]
    runs[1] = replace(runs[1], config=replace(runs[1].config, schedule=Deadly()))
    ended, losses = by_run(train_in_workers(tasks_of(*runs), workers=2))
    assert ended.pop(1) == RunFailed(1, DIED, DIED)
    assert {type(record) for record in ended.values()} == {Ended}
    assert ended.keys() == {0, 2, 3, 4, 5}
    assert len(losses[1]) == 1  # what it sent before is not lost


def test_threads_to_which_nobody_listens_are_known_and_end_with_their_epoch(run_of, tasks_of):
    runs = [run_of("dataset=iris", "training.max_epochs=100000", f"seed={s}") for s in range(2)]
    messages = train_in_workers(
        tasks_of(*runs, backend=Threaded(runs[0].config.backend)), workers=2
    )
    next(messages)
    assert has_abandoned_threads()
    messages.close()
    for _ in range(100):
        if not has_abandoned_threads():
            return
        time.sleep(0.1)
    raise AssertionError("they still train")


@dataclass(frozen=True)
class Broken:
    """A schedule that raises."""

    def factor(self, step, horizon):
        raise ValueError("the schedule broke")


def test_an_error_before_the_first_run_begins_fails_each_run_and_ends(run_of, tasks_of):
    runs = [run_of("dataset=iris", "training.max_epochs=1", f"seed={s}") for s in range(3)]
    broken = replace(runs[0].config, initializer=Broken())  # has no `sample`
    runs = [replace(run, config=broken) for run in runs]
    ended, _ = by_run(train_in_workers(tasks_of(*runs, stack_size=2), workers=1))
    assert ended.keys() == {0, 1, 2}
    assert all(isinstance(record, RunFailed) for record in ended.values())
    assert "AttributeError" in ended[0].details


def test_the_switch_interval_is_as_before_when_nobody_listens_any_more(run_of, tasks_of):
    before = sys.getswitchinterval()
    run = run_of("dataset=iris", "training.max_epochs=50", "training.stopping.patience=null")
    messages = train_in_workers(tasks_of(run), workers=1)
    next(messages)
    assert sys.getswitchinterval() < before
    messages.close()
    assert sys.getswitchinterval() == before


ENDLESS = """
import sys
from harness.application import register_hydra_plugins
from harness.configuration.hydra_store import register
from harness.configuration.run import run_from_tree
from harness.data.on_device import DeviceData
from harness.data.preparing import prepare
from harness.execution.workers import StackTask, train_in_workers
from harness.registry.registry import load_registry
from harness.training.run_queue import RunQueue
from hydra import compose, initialize_config_module

register(load_registry())
register_hydra_plugins()
with initialize_config_module("harness.conf", version_base="1.3"):
    tree = compose("config", ["dataset=iris", "training.max_epochs=1000000",
                              "training.stopping.patience=null"])
config = (run := run_from_tree(tree, load_registry())).config
data = prepare(config.dataset.load(), config.dataset.task, config.loss.output_activation, config.split)
tasks = [StackTask(0, [run] * 2, DeviceData(config.backend, data), RunQueue(range(2)), 1)] * 2
for message in train_in_workers(tasks, 2):
    print("training", flush=True)
"""


@forks
def test_workers_end_with_the_process_that_forked_them(tmp_path):
    import subprocess

    process = subprocess.Popen([sys.executable, "-c", ENDLESS], stdout=subprocess.PIPE, text=True)
    for _ in range(10):
        assert process.stdout.readline() == "training\n"
    process.kill()
    # They have inherited its output: that ends when the last of them has ended
    process.communicate(timeout=20)
