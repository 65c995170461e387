"""Workers train stacks at the same time: forked processes, or threads where a backend cannot be forked.

Threads would hand Python's interpreter to one another after each operation: two stacks of small networks
take half as long again in threads as in processes. A forked process shares what was there before, the
data above all, and sends its records through a pipe.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
import threading
import traceback
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait

from harness.configuration.settings import Run
from harness.data.on_device import DeviceData
from harness.errors import HarnessError
from harness.evaluation.halving import Rungs
from harness.registry.faults import plugin_fault
from harness.registry.registry import load_registry
from harness.training.loop import train
from harness.training.records import Began, Ended, Record
from harness.training.run_queue import FORK, RunQueue

__all__ = ["DIED", "RunFailed", "StackTask", "has_abandoned_threads", "train_in_workers"]

# Seconds that a thread lets another one wait for Python's interpreter, which a stack in training needs
# again after each operation of some 50 us; Python's own 5 ms are long
SWITCH_INTERVAL = 5e-5

DIED = "The process that trained this run died: killed from outside, or by a crash in a library."

THREAD_NAME = "harness worker"

PIPE_SIZE = 2**20  # bytes, where the system allows: the runs of a stack may end together


@dataclass(frozen=True)
class StackTask:
    """Work for a stack: runs of a group. Several workers may have the same one, a stack each.

    Attributes:
        group: Number of the group.
        runs: All runs of the group.
        data: Their data.
        queue: Positions in `runs` of those that wait to be trained; the workers share it.
        stack_size: The most runs in training at a time.
        rungs: For successive halving.
    """

    group: int
    runs: Sequence[Run]
    data: DeviceData
    queue: RunQueue
    stack_size: int
    rungs: Rungs = field(default_factory=Rungs)


@dataclass(frozen=True)
class RunFailed:
    """A run ended with an error.

    Attributes:
        run: Its position in the group.
        error: What was wrong, in a sentence.
        details: The same with the traceback, where it is not an error for a person.
    """

    run: int
    error: str
    details: str


Message = tuple[int, Record | RunFailed]  # the number of a group, and what happened in it


def train_in_workers(tasks: Sequence[StackTask], workers: int) -> Iterator[Message]:
    """Trains all tasks and yields what happens.

    If a worker dies, killed or by a crash in a library, the runs that it had begun have failed. Raises
    RuntimeError for an error of our own.
    """
    fork = FORK if workers > 1 and all(task.data.backend.forkable for task in tasks) else None
    queue = RunQueue(range(len(tasks)))
    receivers: list[Connection] = []
    switch_interval = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL)
    try:
        for _ in range(min(workers, len(tasks))):
            receiver, sender = multiprocessing.Pipe(duplex=False)
            receivers.append(receiver)
            if fork is None:
                arguments = (tasks, queue, sender)
                threading.Thread(
                    target=_work, args=arguments, name=THREAD_NAME, daemon=True
                ).start()
                continue
            _enlarge(sender)
            # Python and JAX warn of a fork beside threads: they hold no lock that is used there
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                fork.Process(
                    target=_work_in_fork, args=(tasks, queue, sender, receivers), daemon=True
                ).start()
            sender.close()  # the worker's alone: when it ends, so does the pipe
        yield from _messages(receivers)
    finally:  # workers that are interrupted end when they find that nobody listens
        sys.setswitchinterval(switch_interval)
        for receiver in receivers:
            receiver.close()


def has_abandoned_threads() -> bool:
    """Whether threads train on although nobody listens any more; they end with their epoch."""
    return any(thread.name == THREAD_NAME for thread in threading.enumerate())


def _enlarge(pipe: Connection) -> None:
    """Lets a worker go on while the end of other runs is recorded."""
    import fcntl

    with suppress(OSError):
        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE_SIZE)


def _messages(receivers: Sequence[Connection]) -> Iterator[Message]:
    """What the workers send, until they have all ended. The runs of one that dies have failed."""
    open_receivers = list(receivers)
    # For each worker the runs that it has begun and not ended, as a group and a position, in order
    begun: dict[Connection, dict[tuple[int, int], None]] = {r: {} for r in receivers}
    while open_receivers:
        for receiver in wait(open_receivers):
            assert isinstance(receiver, Connection)
            try:
                message = receiver.recv()
            except EOFError:
                open_receivers.remove(receiver)
                yield from ((group, RunFailed(run, DIED, DIED)) for group, run in begun[receiver])
                continue
            if isinstance(message, str):
                raise RuntimeError(message)
            group, record = message
            if isinstance(record, Began):
                begun[receiver] |= dict.fromkeys((group, run) for run in record.runs)
            elif isinstance(record, Ended | RunFailed):
                begun[receiver].pop((group, record.run), None)  # what failed may not have begun
            yield message


def _work_in_fork(
    tasks: Sequence[StackTask],
    queue: RunQueue,
    sender: Connection,
    receivers: Sequence[Connection],
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process it was forked from
    for receiver in receivers:  # copies: held open here, a pipe would outlive who listens to it
        receiver.close()
    _work(tasks, queue, sender)


def _work(tasks: Sequence[StackTask], queue: RunQueue, sender: Connection) -> None:
    """A worker: trains one task after another. Its last message is its error, if that is our own."""
    own_tasks: deque[StackTask] = deque()
    with closing(sender):
        try:
            while own_tasks or (own_tasks := deque(tasks[number] for number in queue.pop(1))):
                own_tasks.extendleft(_train_stack(own_tasks.popleft(), sender))
        except OSError:  # nobody listens any more
            return
        except BaseException:
            sender.send(traceback.format_exc())


def _train_stack(task: StackTask, sender: Connection) -> list[StackTask]:
    """Trains a stack. Returns the tasks that are left if that fails, last one first.

    The runs that are not over are trained alone then: an error is the fault of one of them, and must not
    end the others.
    """
    begun: dict[int, None] = {}  # and not over, in order

    def take(count: int) -> list[int]:
        positions = task.queue.pop(count)
        begun.update(dict.fromkeys(positions))
        return positions

    loop = train(task.runs, task.data, take, task.stack_size, task.rungs)
    while True:
        try:
            record = next(loop, None)
        except BaseException as raised:  # a plugin may raise anything, SystemExit too
            error = raised
            break
        if record is None:
            return []
        sender.send((task.group, record))
        if isinstance(record, Ended):
            del begun[record.run]
    if not begun:  # the next run has to answer for it, or it would go on for ever
        take(1)
    rest = [task] if task.queue else []
    if len(begun) > 1:
        alone = [
            StackTask(task.group, task.runs, task.data, RunQueue([run]), 1, task.rungs)
            for run in begun
        ]
        return [*rest, *reversed(alone)]
    message, details = _texts_of(error)
    for run in begun:
        sender.send((task.group, RunFailed(run, message, details)))
    return rest


def _texts_of(error: BaseException) -> tuple[str, str]:
    """An error in a sentence for a person, and with its details."""
    fault = plugin_fault(error, load_registry())
    if fault is not None:
        return fault.message, fault.details
    if isinstance(error, HarnessError):
        return str(error), str(error)
    return str(error), "".join(traceback.format_exception(error))
