"""What is kept of the runs of a group: their folders, their MLflow runs, the progress a person sees."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from harness.configuration.job import Job
from harness.data.preparing import Prepared
from harness.execution.progress import Progress
from harness.execution.run_files import ERROR, begin_run, end_run, failure
from harness.model.objective import DECAY
from harness.prediction.description import Description
from harness.prediction.parameters import save_parameters
from harness.registry.registry import Registry
from harness.tracking.events import MetricsLogged, now_ms
from harness.tracking.tracker import Tracker
from harness.training.loop import network_of
from harness.training.records import Began, Ended, Epoch, Result
from harness.training.stack import Stack

__all__ = ["GroupRecorder"]


class GroupRecorder:
    """Takes down what happens to the runs of a group. results: by position, of those that are over.

    identities: of the jobs. company: what they train with, as tags: `stack_size`, how many of them at a
    time in a stack; `workers`, how many stacks at the same time, where that is known.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        identities: Sequence[str],
        data: Prepared,
        company: dict[str, str],
        registry: Registry,
        tracker: Tracker,
        progress: Progress,
    ) -> None:
        self.results: dict[int, Result] = {}
        self._jobs = jobs
        self._data = data
        self._identities = identities
        self._company = company
        self._registry = registry
        self._tracker = tracker
        self._progress = progress
        self._rows: dict[int, list[tuple[int, dict[str, float]]]] = {}  # of the runs in training
        self._network = network_of(jobs[0].run, data)

    def start(self, record: Began) -> None:
        """Training of some runs begins; again, if an error in its stack has ended it before."""
        self._progress.started(sum(position not in self._rows for position in record.runs))
        for position, theta in zip(record.runs, record.theta, strict=True):
            if position in self._rows:  # its MLflow run has begun, and goes on
                self._progress.again(len(self._rows[position]))
                self._rows[position] = []
                continue
            job = self._jobs[position]
            order = Stack((job.run,)).order(np.ones(1, dtype=int), len(self._data.train))
            hashes = {
                "sha256/data": self._data.sha256,
                "sha256/split": self._data.split_sha256,
                "sha256/initial_weights": _sha256(theta),
                "sha256/order": _sha256(order),  # of the first epoch; the seed fixes the others
                "data/source": self._data.source,
            }
            self._begin(position, job, hashes)

    def fail(self, position: int, error: str, details: str) -> None:
        """Ends a run with an error."""
        job = self._jobs[position]
        if position not in self._rows:
            self._progress.started(1)
            self._begin(position, job, {})
        (job.folder / ERROR).write_text(details, encoding="utf-8")
        self._finish(failure(position, len(self._rows[position])), error)

    def _begin(self, position: int, job: Job, hashes: dict[str, str]) -> None:
        own = {"identity": self._identities[position], **self._company}
        begin_run(job, {**hashes, **own}, self._registry, self._tracker)
        self._rows[position] = []

    def epoch(self, record: Epoch) -> None:
        """An epoch of the runs that are still in training is over."""
        time_ms = now_ms()
        columns = {name: values.tolist() for name, values in record.metrics.items()}
        for row, (position, number) in enumerate(zip(record.runs, record.numbers, strict=True)):
            values = {name: column[row] for name, column in columns.items()}
            self._rows[position].append((number, values))
            key = str(self._jobs[position].folder)
            self._tracker.log(MetricsLogged(key, number, time_ms, values))
            if number == 1:
                self._warn_of_unlike_terms(position, values)
        self._progress.epoch(record, self._jobs[record.runs[0]].name)

    def _warn_of_unlike_terms(self, position: int, values: dict[str, float]) -> None:
        """λ should bring the terms of ℒ to a like size: warns where one is ten times another."""
        job = self._jobs[position]
        names = [job.run.names["loss"], *job.run.auxiliary, DECAY]
        sizes = {n: abs(values[f"train/{n}"]) for n in names if f"train/{n}" in values}
        largest, smallest = max(sizes, key=sizes.__getitem__), min(sizes, key=sizes.__getitem__)
        if sizes[largest] > 10 * sizes[smallest]:
            self._progress.warn(
                f"{job.name}: after the first epoch the term {largest} ({sizes[largest]:.3g}) is more "
                f"than ten times {smallest} ({sizes[smallest]:.3g}). Terms of like size let each have "
                f"a say: change its λ."
            )

    def end(self, record: Ended) -> None:
        """A run is over: its parameters are saved."""
        job, data, network = self._jobs[record.run], self._data, self._network
        config = job.run.config
        description = Description(
            sizes=network.sizes,
            activation=network.activation,
            slope=network.slope,
            bias=network.bias,
            task=data.task,
            output_activation=config.loss.output_activation,
            classes=data.classes,
            feature_names=data.feature_names,
            scaling=data.scaling.to_dict(),
            backend=job.run.names["backend"],
            dtype=config.backend.dtype,
        )
        save_parameters(job.folder, description, record.theta)
        self._finish(record)

    def _finish(self, record: Ended, error: str = "") -> None:
        position = record.run
        job, rows = self._jobs[position], self._rows.pop(position)
        result = end_run(job, record, rows, self._tracker, error)
        self.results[position] = result
        self._progress.ended(result, job.run.config.training.max_epochs)


def _sha256(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
