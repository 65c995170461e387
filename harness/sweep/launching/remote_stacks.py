"""The launching end of a sweep on other machines: which stacks are sent, and what comes back of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from harness.configuration.job import Job
from harness.errors import TrackingError
from harness.execution.planning import plan
from harness.execution.progress import Progress
from harness.execution.result_file import read_result, result_of, write_result
from harness.execution.run_recorder import RunRecorder
from harness.registry.registry import load_registry
from harness.sweep.launching.recovery import recover_finished
from harness.sweep.launching.serialization import dumps
from harness.tracking.events import now_ms
from harness.tracking.tracker import Tracker
from harness.training.records import Result

__all__ = ["RemoteStacks"]


class RemoteStacks:
    """The stacks of a sweep that train on other machines, and the results of their runs so far.

    Args:
        jobs: Jobs of the sweep. A stack is a list of positions in it.
        tracker: Tracker that logs failed runs; workers log the others themselves.
        progress: Progress that the user sees.
        stack_size: Most runs of a stack.

    Attributes:
        stacks: Stacks to be sent to workers, one a task.
    """

    def __init__(
        self, jobs: Sequence[Job], tracker: Tracker, progress: Progress, stack_size: int
    ) -> None:
        groups = plan(range(len(jobs)), lambda position: jobs[position].run)
        self.stacks = [part for group in groups for part in _parts(jobs, group, stack_size)]
        self._jobs = jobs
        self._tracker = tracker
        self._progress = progress
        self._registry = load_registry()
        self._since = now_ms()
        self._results: dict[int, Result] = {}
        self._started: set[int] = set()  # those that are over included
        self._store_errors: list[str] = []
        progress.begin([job.run.config.training.max_epochs for job in jobs])

    def text(self, stack: Sequence[int]) -> str:
        """The jobs of a stack, as `train_stack` takes them."""
        return dumps([self._jobs[position] for position in stack], self._registry)

    def start(self, stack: Sequence[int]) -> None:
        """A stack goes into training, as far as is known here. A second call changes nothing."""
        new = self._started.union(stack) - self._started
        self._started |= new
        self._progress.started(len(new))

    def wait(self) -> None:
        """No answer has come yet: the user sees that time goes on."""
        self._progress.refresh()

    def receive(self, stack: Sequence[int], answer: str) -> None:
        """Records the answer of `train_stack`."""
        content = json.loads(answer)
        for warning in content["warnings"]:
            self._progress.warn(warning)
        if content["results"]:
            for position, result in zip(stack, content["results"], strict=True):
                self._write(position, result)
            if content["error"]:  # all runs are trained, but could not be logged
                self._store_errors.append(content["error"])
        else:
            error = content["error"]
            self.fail(self.unfinished(stack), content["details"] or error, error)

    def unfinished(self, stack: Sequence[int]) -> list[int]:
        """The runs of a stack that must be trained again because their worker died.

        Records the results of those that the worker had finished, and deletes the others from the store.
        """
        recovered = recover_finished([self._jobs[position] for position in stack], self._since)
        finished = [stack[index] for index in recovered]
        for position in finished:
            self._write(position, read_result(self._jobs[position].folder))
        return [position for position in stack if position not in finished]

    def warn(self, message: str) -> None:
        """Shows a warning each time that it is called, unlike `Progress.warn`."""
        self._progress.say(f"warning: {message}")

    def fail(self, stack: Sequence[int], details: str, cause: str = "") -> None:
        """Records the runs that no worker will train as failed.

        Args:
            stack: Positions of their jobs.
            details: Whole error, for `error.txt`.
            cause: The error in a few words.
        """
        for position in stack:
            recorder = RunRecorder(self._jobs[position], {}, self._registry, self._tracker)
            self._record(position, recorder.fail(cause or details, details))

    def results(self) -> list[Result]:
        """The results in order of the jobs. Raises TrackingError if a worker could not log them."""
        self._progress.end()
        if self._store_errors:
            raise TrackingError("\n".join(dict.fromkeys(self._store_errors)))
        return [self._results[position] for position in range(len(self._jobs))]

    def _write(self, position: int, values: dict[str, Any]) -> None:
        """Leaves a result in its folder on this machine, too: the worker may have a disk of its own."""
        write_result(self._jobs[position].folder, values)
        self._record(position, result_of(values))

    def _record(self, position: int, result: Result) -> None:
        self._results[position] = result
        self.start([position])
        self._progress.ended(result, self._jobs[position].run.config.training.max_epochs)


def _parts(jobs: Sequence[Job], group: list[int], size: int) -> list[list[int]]:
    """A group in parts of nearly equal size. With successive halving, runs compete and stay together."""
    if jobs[group[0]].run.config.training.halving.factor is not None:
        return [group]
    count = -(-len(group) // size)
    return [group[i * len(group) // count : (i + 1) * len(group) // count] for i in range(count)]
