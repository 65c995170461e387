"""Records the runs of a group: what each leaves behind, and the progress that a person sees."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from harness.configuration.job import Job
from harness.configuration.settings import Run
from harness.data.preparing import Prepared
from harness.execution.pending import PendingJob
from harness.execution.progress import Progress
from harness.execution.run_recorder import RunRecorder
from harness.execution.workers import RunFailed
from harness.model.network import Network
from harness.model.objective import DECAY
from harness.prediction.description import Description
from harness.prediction.parameters import save_parameters
from harness.registry.registry import Registry
from harness.tracking.events import now_ms
from harness.tracking.tracker import Tracker
from harness.training.records import Began, Ended, Epoch, Record, Result
from harness.training.setup import network_of
from harness.training.stack import Stack

__all__ = ["GroupRecorder"]


class GroupRecorder:
    """Writes down what happens to the jobs of a group, and gives each its result.

    Args:
        jobs: The jobs. A record names one by its position among them.
        data: Their data.
        company: What they train with, as tags: `stack_size`, how many of them at a time in a stack;
            `workers`, how many stacks at the same time, where that is known.
        registry: Registry of their components.
        tracker: Tracker that writes to MLflow.
        progress: Progress that a person sees.
    """

    def __init__(
        self,
        jobs: Sequence[PendingJob],
        data: Prepared,
        company: dict[str, str],
        registry: Registry,
        tracker: Tracker,
        progress: Progress,
    ) -> None:
        self._jobs = jobs
        self._recorders = [
            RunRecorder(p.job, {"identity": p.identity, **company}, registry, tracker) for p in jobs
        ]
        self._data = data
        self._progress = progress
        self._network = network_of(jobs[0].run, data)

    def take(self, record: Record | RunFailed) -> None:
        """Writes down what a worker has sent."""
        if isinstance(record, Began):
            self._begin(record)
        elif isinstance(record, Epoch):
            self._epoch(record)
        elif isinstance(record, Ended):
            self._end(record)
        else:
            self._fail(record.run, record.error, record.details)

    def fail_rest(self, error: str) -> None:
        """Fails the jobs that have no result and no worker any more; some have not begun."""
        for position, pending in enumerate(self._jobs):
            if pending.result is None:
                self._fail(position, error, error)

    def _begin(self, record: Began) -> None:
        """Training of some runs begins; again, if an error in its stack has ended it before."""
        recorders = [self._recorders[position] for position in record.runs]
        self._progress.started(sum(not recorder.begun for recorder in recorders))
        for position, recorder, theta in zip(record.runs, recorders, record.theta, strict=True):
            if recorder.begun:
                self._progress.again(recorder.begin_again())
            else:
                recorder.begin(_hashes(self._jobs[position].run, self._data, theta))

    def _epoch(self, record: Epoch) -> None:
        """An epoch of the runs that are still in training is over."""
        time_ms = now_ms()
        columns = {name: values.tolist() for name, values in record.metrics.items()}
        for row, (position, number) in enumerate(zip(record.runs, record.numbers, strict=True)):
            metrics = {name: column[row] for name, column in columns.items()}
            self._recorders[position].epoch(number, metrics, time_ms)
            warning = _unlike_terms(self._jobs[position].job, metrics) if number == 1 else None
            if warning:
                self._progress.warn(warning)
        self._progress.epoch(record, self._jobs[record.runs[0]].job.name)

    def _end(self, record: Ended) -> None:
        """A run is over: its parameters are saved."""
        job = self._jobs[record.run].job
        description = _description(job.run, self._network, self._data)
        save_parameters(job.folder, description, record.theta)
        self._finish(record.run, self._recorders[record.run].end(record))

    def _fail(self, position: int, error: str, details: str) -> None:
        """An error ends a run."""
        recorder = self._recorders[position]
        if not recorder.begun:
            self._progress.started(1)
        self._finish(position, recorder.fail(error, details))

    def _finish(self, position: int, result: Result) -> None:
        pending = self._jobs[position]
        pending.result = result
        self._progress.ended(result, pending.run.config.training.max_epochs)


def _hashes(run: Run, data: Prepared, theta: np.ndarray) -> dict[str, str]:
    """Tags by which anybody can check what a run starts from.

    Args:
        run: The run.
        data: Its data.
        theta: Its initial parameters, (P,).
    """
    order = Stack((run,)).order(np.ones(1, dtype=int), len(data.train))
    return {
        "sha256/data": data.sha256,
        "sha256/split": data.split_sha256,
        "sha256/initial_weights": _sha256(theta),
        "sha256/order": _sha256(order),  # of the first epoch; the seed fixes the others
        "data/source": data.source,
    }


def _sha256(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def _unlike_terms(job: Job, metrics: dict[str, float]) -> str | None:
    """A warning where one term of ℒ is ten times another: λ should bring them to a like size."""
    names = [job.run.names["loss"], *job.run.auxiliary, DECAY]
    sizes = {n: abs(metrics[f"train/{n}"]) for n in names if f"train/{n}" in metrics}
    largest, smallest = max(sizes, key=sizes.__getitem__), min(sizes, key=sizes.__getitem__)
    if sizes[largest] > 10 * sizes[smallest]:
        return (
            f"{job.name}: after the first epoch the term {largest} ({sizes[largest]:.3g}) is more "
            f"than ten times {smallest} ({sizes[smallest]:.3g}). Terms of like size let each have "
            f"a say: change its λ."
        )
    return None


def _description(run: Run, network: Network, data: Prepared) -> Description:
    """What it takes to use the parameters of a run."""
    return Description(
        sizes=network.sizes,
        activation=network.activation,
        slope=network.slope,
        bias=network.bias,
        task=data.task,
        output_activation=run.config.loss.output_activation,
        classes=data.classes,
        feature_names=data.feature_names,
        categories=data.categories,
        scaling=data.scaling.to_dict(),
        backend=run.names["backend"],
        dtype=run.config.backend.dtype,
    )
