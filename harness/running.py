"""From jobs to results: plans the stacks, trains them, and hands on what their loops yield.

Stacks train in threads, two of them on two cores; what they yield is taken down in the calling thread.
An error ends the runs of its own stack and no others.
"""

from __future__ import annotations

import queue
import sys
import threading
import traceback
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.data import Prepared, prepare
from harness.errors import HarnessError
from harness.halving import Rungs
from harness.identity import identity, plugin_versions
from harness.job import Job
from harness.placed import Placed
from harness.planning import places, plan
from harness.progress import Progress
from harness.recall import note, recall
from harness.recording import GroupRecorder
from harness.records import Began, Ended, Epoch, Record, Result
from harness.registry import Registry
from harness.settings import Config, Run
from harness.tracking.tracker import Tracker
from harness.training import batch_size_of, network_of, train
from harness.waiting import Waiting

__all__ = ["run_jobs"]

BACKLOG = 256  # records that may wait to be taken down: it bounds the memory they need

# Seconds that a thread lets another one wait for Python's interpreter, which a stack in training needs
# again after each operation of some 50 us. With Python's own 5 ms, two stacks take a third longer.
PATIENCE = 5e-5


def run_jobs(
    jobs: Sequence[Job],
    registry: Registry,
    tracker: Tracker,
    progress: Progress,
    workers: int = 1,
    stack_size: int | None = None,
) -> list[Result]:
    """Trains all jobs, as few stacks as their shapes allow. Returns their results in job order.

    workers: stacks in training at the same time. stack_size: the most runs of a stack, where the
    backend is not to decide. All data are loaded and prepared first: a DataError is raised before any
    run begins.
    """
    data = _Data()
    identities = [_identity(job, data.of(job.run.config), registry) for job in jobs]
    _note(jobs, identities)
    found = recall(jobs, identities)
    if found:
        progress.say(f"{len(found)} of {len(jobs)} runs are finished already: not trained again")
    left = [position for position in range(len(jobs)) if position not in found]
    progress.begin([jobs[position].run.config.training.max_epochs for position in left])
    tasks: deque[_Task] = deque()
    recorders: dict[tuple[int, ...], GroupRecorder] = {}
    for group in plan([jobs[position].run for position in left]):
        members = tuple(left[position] for position in group)
        own = [jobs[member] for member in members]
        placed = data.placed(own[0].run.config)
        size = places(
            [job.run.config.seed for job in own],
            stack_size or _capacity(own[0].run, placed),
            workers,
        )
        recorder = GroupRecorder(
            own,
            [identities[member] for member in members],
            placed.data,
            size,
            registry,
            tracker,
            progress,
        )
        recorders[members] = recorder
        task = _Task(own, placed, recorder, Waiting(range(len(own))), size)
        tasks.extend([task] * min(workers, -(-len(own) // size)))
    _train(tasks, workers)
    progress.end()
    for members, recorder in recorders.items():
        found |= {members[position]: result for position, result in recorder.results.items()}
    return [found[position] for position in range(len(jobs))]


def _capacity(run: Run, data: Placed) -> int:
    size: int = data.backend.capacity(network_of(run, data.data), batch_size_of(run, data.data))
    return size


def _identity(job: Job, data: Prepared, registry: Registry) -> str:
    versions = plugin_versions(job.run, registry)
    return identity(job.run, versions, data.sha256, data.split_sha256)


def _note(jobs: Sequence[Job], identities: Sequence[str]) -> None:
    """Leaves in the folder of each sweep what it is going to train."""
    by_folder: dict[Path, list[str]] = {}
    for job, own in zip(jobs, identities, strict=True):
        if job.sweep_folder is not None:
            by_folder.setdefault(job.sweep_folder, []).append(own)
    for folder, members in by_folder.items():
        note(folder, members)


@dataclass(frozen=True)
class _Task:
    """Runs of a group that wait to be trained as a stack."""

    jobs: Sequence[Job]
    data: Placed
    recorder: GroupRecorder
    waiting: Waiting
    places: int
    rungs: Rungs = field(default_factory=Rungs)


@dataclass(frozen=True)
class _Failed:
    """A run ended with an error."""

    run: int
    error: Exception
    details: str


_Message = tuple[_Task, Record | _Failed] | BaseException | None  # None: a worker has ended


def _train(tasks: deque[_Task], workers: int) -> None:
    """Trains all tasks in threads and takes down what they yield."""
    messages: queue.Queue[_Message] = queue.Queue(BACKLOG)
    stop = threading.Event()
    threads = [
        threading.Thread(target=_work, args=(tasks, messages, stop), daemon=True)
        for _ in range(min(workers, len(tasks)))
    ]
    patience = sys.getswitchinterval()
    sys.setswitchinterval(PATIENCE)
    for thread in threads:
        thread.start()
    running = len(threads)
    try:
        while running:
            message = messages.get()
            if message is None:
                running -= 1
            elif isinstance(message, BaseException):
                raise message
            else:
                _take_down(*message)
    finally:  # after an interruption, the threads end with their epoch, and nobody waits for them
        stop.set()
        sys.setswitchinterval(patience)
        while not messages.empty():
            messages.get_nowait()


def _take_down(task: _Task, record: Record | _Failed) -> None:
    if isinstance(record, Began):
        task.recorder.start(record)
    elif isinstance(record, Epoch):
        task.recorder.epoch(record)
    elif isinstance(record, Ended):
        task.recorder.end(record)
    else:
        task.recorder.fail(record.run, record.error, record.details)


def _work(tasks: deque[_Task], messages: queue.Queue[_Message], stop: threading.Event) -> None:
    """A thread: trains one task after another."""
    try:
        while tasks and not stop.is_set():
            try:
                task = tasks.popleft()
            except IndexError:  # another thread was faster
                break
            _train_task(task, tasks, messages, stop)
        messages.put(None)
    except BaseException as error:  # not a run's error: one of ours, for the calling thread
        messages.put(error)


def _train_task(
    task: _Task, tasks: deque[_Task], messages: queue.Queue[_Message], stop: threading.Event
) -> None:
    """Trains a stack. If that fails, its runs that are not over are trained alone: an error is the
    fault of one of them, and must not end its company.
    """
    unfinished: dict[int, None] = {}  # in order

    def take(count: int) -> list[int]:
        new = task.waiting.take(count)
        unfinished.update(dict.fromkeys(new))
        return new

    try:
        runs = [job.run for job in task.jobs]
        for record in train(runs, task.data, take, task.places, task.rungs):
            if stop.is_set():
                return
            messages.put((task, record))
            if isinstance(record, Ended):
                del unfinished[record.run]
    except Exception as error:  # a plugin may raise anything
        if not unfinished:  # not even begun: the next run has to answer for it, or it would go on
            take(1)
        if len(unfinished) == 1:
            details = str(error) if isinstance(error, HarnessError) else traceback.format_exc()
            (run,) = unfinished
            messages.put((task, _Failed(run, error, details)))
        else:
            for run in reversed(unfinished):
                alone = _Task(task.jobs, task.data, task.recorder, Waiting([run]), 1, task.rungs)
                tasks.appendleft(alone)
        if task.waiting:
            tasks.append(task)


class _Data:
    """Loads, prepares and places each choice of data once."""

    def __init__(self) -> None:
        self._prepared: dict[str, Prepared] = {}
        self._placed: dict[str, Placed] = {}

    def of(self, config: Config) -> Prepared:
        activation = config.loss.output_activation
        key = repr((config.dataset, activation, config.split))
        if key not in self._prepared:
            loaded = config.dataset.load()
            self._prepared[key] = prepare(loaded, config.dataset.task, activation, config.split)
        return self._prepared[key]

    def placed(self, config: Config) -> Placed:
        data = self.of(config)
        key = repr((config.backend, id(data)))
        if key not in self._placed:
            self._placed[key] = Placed(config.backend, data)
        return self._placed[key]
