"""Stacks of jobs on other machines, whatever brings them there: what both ends do.

A worker calls `train_stack` with a text and gives a text back; it logs to the store by itself. The
process that launched the sweep keeps a `RemoteStacks`: what is sent, what has come back, what is lost.
"""

from __future__ import annotations

import io
import json
import os
import socket
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.configuration.hydra_store import register
from harness.configuration.job import Job
from harness.configuration.settings import Tracking
from harness.errors import HarnessError, TrackingError
from harness.execution.jobs import run_jobs
from harness.execution.planning import plan
from harness.execution.progress import Progress
from harness.execution.result_file import read_result, result_of, write_result
from harness.execution.run_recorder import RunRecorder
from harness.registry.blocking import blocking
from harness.registry.registry import load_registry
from harness.sweep.launching.recovery import recover_finished
from harness.sweep.launching.serialization import JobBatch, blocked_in, pack, unpack
from harness.tracking.address import resolve_uri, sqlite_path
from harness.tracking.events import now_ms
from harness.tracking.tracker import Tracker
from harness.training.records import Result

__all__ = ["RemoteStacks", "check_store", "failed", "train_stack"]

WARNING = "warning: "


def train_stack(text: str, workers: int = 1) -> str:
    """Trains the jobs that a `RemoteStacks` has sent. Raises nothing: an error is part of the answer.

    workers: stacks in training at the same time. What is blocked where the sweep was started is blocked
    here, too.
    """
    shown = io.StringIO()
    answer: dict[str, Any] = {"results": [], "error": "", "details": ""}
    try:
        with blocking(blocked_in(text)):
            registry = load_registry()
            register(registry)
            parcel = unpack(text, registry)
            if parcel.directory.is_dir():
                os.chdir(parcel.directory)
            tracking = parcel.jobs[0].run.config.tracking
            with Tracker(_store(tracking, parcel), tracking.experiment) as tracker:
                # What else is sent to this machine is not known here
                run_jobs(parcel.jobs, registry, tracker, Progress(shown), workers, alone=False)
                answer["results"] = [read_result(job.folder) for job in parcel.jobs]
    except Exception as error:  # of whatever kind, it belongs to these jobs alone
        answer["error"] = str(error) or type(error).__name__
        if not isinstance(error, HarnessError):
            answer["details"] = traceback.format_exc()
    lines = shown.getvalue().splitlines()
    answer["warnings"] = [x.removeprefix(WARNING) for x in lines if x.startswith(WARNING)]
    return json.dumps(answer)


def failed(error: str) -> str:
    """The answer of a worker that could not train its jobs to the end."""
    return json.dumps({"results": [], "warnings": [], "error": error, "details": ""})


def _store(tracking: Tracking, parcel: JobBatch) -> str:
    """The store's address, which must mean the same here as where the sweep was started."""
    uri = resolve_uri(tracking.uri, parcel.directory)
    if sqlite_path(uri) and parcel.host != socket.gethostname():
        raise TrackingError(_not_shared(uri, [socket.gethostname(), parcel.host]))
    return uri


def check_store(tracking: Tracking, machines: Sequence[str]) -> None:
    """Raises TrackingError if machines other than this one cannot write to the store."""
    uri = resolve_uri(tracking.uri, Path.cwd())
    if sqlite_path(uri) and set(machines) - {socket.gethostname()}:
        raise TrackingError(_not_shared(uri, machines))


def _not_shared(uri: str, machines: Sequence[str]) -> str:
    return (
        f"The sweep would train on {', '.join(sorted(set(machines)))}, and a SQLite file, {uri}, can "
        f"be written by the processes of one machine only. Log to a store that all of them reach: an "
        f"MLflow server (tracking.uri=http://HOST:5000) or a Postgres database "
        f"(tracking.uri=postgresql://USER:PASSWORD@HOST/NAME)."
    )


class RemoteStacks:
    """Keeps account of a sweep's runs on other machines.

    stacks: the positions of the jobs that are to be sent together, at most `stack_size` of them.
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
        self._begun: set[int] = set()  # those that are over, too
        self._troubles: list[str] = []
        progress.begin([job.run.config.training.max_epochs for job in jobs])

    def text(self, stack: Sequence[int]) -> str:
        """What `train_stack` needs to know."""
        return pack([self._jobs[position] for position in stack], self._registry)

    def take(self, stack: Sequence[int], answer: str) -> None:
        """Takes down what `train_stack` gave back."""
        given = json.loads(answer)
        for warning in given["warnings"]:
            self._progress.warn(warning)
        if given["results"]:
            for position, result in zip(stack, given["results"], strict=True):
                self._write(position, result)
            if given["error"]:  # all is trained, and the store did not take it
                self._troubles.append(given["error"])
        else:
            self.lose(self.unfinished(stack), given["details"] or given["error"], given["error"])

    def begin(self, stack: Sequence[int]) -> None:
        """A stack goes into training, as far as is known here. To be called once more does no harm."""
        new = self._begun.union(stack) - self._begun
        self._begun |= new
        self._progress.started(len(new))

    def wait(self) -> None:
        """Nothing has come back yet: the person sees that time goes on."""
        self._progress.refresh()

    def unfinished(self, stack: Sequence[int]) -> list[int]:
        """Those of a stack that have to be trained once more, now that their worker is dead.

        What it had finished is taken down. Nothing is left of the others in the store.
        """
        whole = [stack[i] for i in recover_finished([self._jobs[p] for p in stack], self._since)]
        for position in whole:
            self._write(position, read_result(self._jobs[position].folder))
        return [position for position in stack if position not in whole]

    def warn(self, message: str) -> None:
        """Something the person should know, each time that it happens."""
        self._progress.say(f"{WARNING}{message}")

    def lose(self, stack: Sequence[int], details: str, cause: str = "") -> None:
        """Nobody will train these: they become failed runs. cause: in a few words."""
        for position in stack:
            recorder = RunRecorder(self._jobs[position], {}, self._registry, self._tracker)
            self._keep(position, recorder.fail(cause or details, details))

    def results(self) -> list[Result]:
        """The results in order of the jobs. Raises TrackingError if a worker could not log them."""
        self._progress.end()
        if self._troubles:
            raise TrackingError("\n".join(dict.fromkeys(self._troubles)))
        return [self._results[position] for position in range(len(self._jobs))]

    def _write(self, position: int, values: dict[str, Any]) -> None:
        """A result is left in its folder here, too: the worker may have had a disk of its own."""
        write_result(self._jobs[position].folder, values)
        self._keep(position, result_of(values))

    def _keep(self, position: int, result: Result) -> None:
        self._results[position] = result
        self.begin([position])
        self._progress.ended(result, self._jobs[position].run.config.training.max_epochs)


def _parts(jobs: Sequence[Job], group: list[int], size: int) -> list[list[int]]:
    """A group in parts of like size. Runs that give up their places to one another stay together."""
    if jobs[group[0]].run.config.training.halving.factor is not None:
        return [group]
    count = -(-len(group) // size)
    return [group[i * len(group) // count : (i + 1) * len(group) // count] for i in range(count)]
