"""What trains stacks beside one another: forked processes, or threads where a backend cannot be forked.

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

__all__ = ["Failed", "Task", "abandoned", "work"]

# Seconds that a thread lets another one wait for Python's interpreter, which a stack in training needs
# again after each operation of some 50 us; Python's own 5 ms are long
PATIENCE = 5e-5

DIED = "The process that trained this run died: killed from outside, or by a crash in a library."

THREAD = "harness worker"

PIPE = 2**20  # bytes, where the system allows: the runs of a stack may end together


@dataclass(frozen=True)
class Task:
    """Runs of a group that wait to be trained as a stack. number: of the group."""

    number: int
    runs: Sequence[Run]
    data: DeviceData
    waiting: RunQueue
    stack_size: int
    rungs: Rungs = field(default_factory=Rungs)


@dataclass(frozen=True)
class Failed:
    """A run ended with an error. run: its position in the group."""

    run: int
    error: str
    details: str


Message = tuple[int, Record | Failed]  # the number of a group, and what happened in it


def work(tasks: Sequence[Task], workers: int) -> Iterator[Message]:
    """Trains all tasks and yields what happens.

    What a worker had begun that dies, killed or by a crash in a library, has failed. Raises RuntimeError
    for an error of our own.
    """
    fork = FORK if workers > 1 and all(task.data.backend.forkable for task in tasks) else None
    turn = RunQueue(range(len(tasks)))
    receivers: list[Connection] = []
    patience = sys.getswitchinterval()
    sys.setswitchinterval(PATIENCE)
    try:
        for _ in range(min(workers, len(tasks))):
            receiver, sender = multiprocessing.Pipe(duplex=False)
            receivers.append(receiver)
            if fork is None:
                arguments = (tasks, turn, sender)
                threading.Thread(target=_work, args=arguments, name=THREAD, daemon=True).start()
                continue
            _widen(sender)
            # Python and JAX warn of a fork beside threads: they hold no lock that is used there
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                fork.Process(
                    target=_forked, args=(tasks, turn, sender, receivers), daemon=True
                ).start()
            sender.close()  # the worker's alone: when it ends, so does the pipe
        yield from _messages(receivers)
    finally:  # workers that are interrupted end when they find that nobody listens
        sys.setswitchinterval(patience)
        for receiver in receivers:
            receiver.close()


def abandoned() -> bool:
    """Whether threads are in training to which nobody listens any more: until the end of an epoch."""
    return any(thread.name == THREAD for thread in threading.enumerate())


def _widen(pipe: Connection) -> None:
    """So that a worker need not wait while the end of other runs is taken down."""
    import fcntl

    with suppress(OSError):
        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE)


def _messages(receivers: Sequence[Connection]) -> Iterator[Message]:
    """What the workers send, until they have all ended. The runs of one that dies have failed."""
    speaking = list(receivers)
    begun: dict[Connection, dict[tuple[int, int], None]] = {one: {} for one in receivers}
    while speaking:
        for receiver in wait(speaking):
            assert isinstance(receiver, Connection)
            try:
                message = receiver.recv()
            except EOFError:
                speaking.remove(receiver)
                yield from ((number, Failed(run, DIED, DIED)) for number, run in begun[receiver])
                continue
            if isinstance(message, str):
                raise RuntimeError(message)
            number, record = message
            if isinstance(record, Began):
                begun[receiver] |= dict.fromkeys((number, run) for run in record.runs)
            elif isinstance(record, Ended | Failed):
                begun[receiver].pop((number, record.run), None)  # what failed may not have begun
            yield message


def _forked(
    tasks: Sequence[Task], turn: RunQueue, sender: Connection, receivers: Sequence[Connection]
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process it was forked from
    for receiver in receivers:  # copies: held open here, a pipe would outlive who listens to it
        receiver.close()
    _work(tasks, turn, sender)


def _work(tasks: Sequence[Task], turn: RunQueue, sender: Connection) -> None:
    """A worker: trains one task after another. Its last message is its error, if that is our own."""
    own: deque[Task] = deque()
    with closing(sender):
        try:
            while own or (own := deque(tasks[number] for number in turn.pop(1))):
                own.extendleft(_train(own.popleft(), sender))
        except OSError:  # nobody listens any more
            return
        except BaseException:
            sender.send(traceback.format_exc())


def _train(task: Task, sender: Connection) -> list[Task]:
    """Trains a stack. Returns what is left to be done if that fails.

    Its runs that are not over are trained alone then: an error is the fault of one of them, and must not
    end its company.
    """
    begun: dict[int, None] = {}  # and not over, in order

    def take(count: int) -> list[int]:
        new = task.waiting.pop(count)
        begun.update(dict.fromkeys(new))
        return new

    loop = train(task.runs, task.data, take, task.stack_size, task.rungs)
    while True:
        try:
            record = next(loop, None)
        except BaseException as error:  # a plugin may raise anything, SystemExit too
            trouble = error
            break
        if record is None:
            return []
        sender.send((task.number, record))
        if isinstance(record, Ended):
            del begun[record.run]
    if not begun:  # the next run has to answer for it, or it would go on for ever
        take(1)
    rest = [task] if task.waiting else []
    if len(begun) > 1:
        alone = [
            Task(task.number, task.runs, task.data, RunQueue([run]), 1, task.rungs) for run in begun
        ]
        return [*rest, *reversed(alone)]
    message, details = _told(trouble)
    for run in begun:
        sender.send((task.number, Failed(run, message, details)))
    return rest


def _told(error: BaseException) -> tuple[str, str]:
    """An error for a person, and with its details."""
    fault = plugin_fault(error, load_registry())
    if fault is not None:
        return fault.message, fault.details
    known = isinstance(error, HarnessError)
    return str(error), str(error) if known else "".join(traceback.format_exception(error))
