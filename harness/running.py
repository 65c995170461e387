"""From jobs to results: plans the stacks, trains them, and hands on what the loop yields.

An error ends the runs of its own stack and no others.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence

from harness.data import Prepared, prepare
from harness.errors import HarnessError
from harness.job import Job
from harness.progress import Progress
from harness.recording import StackRecorder
from harness.records import Epoch, Result
from harness.registry import Registry
from harness.settings import Config
from harness.stack import plan_stacks
from harness.tracking.tracker import Tracker
from harness.training import network_of, train

__all__ = ["run_jobs"]


def run_jobs(
    jobs: Sequence[Job], registry: Registry, tracker: Tracker, progress: Progress
) -> list[Result]:
    """Trains all jobs, as few stacks as their shapes allow. Returns their results in job order.

    All data are loaded and prepared first: a DataError is raised before any run begins.
    """
    data = _Data()
    for job in jobs:
        data.of(job.run.config)
    found: dict[int, Result] = {}
    progress.begin(len(jobs))
    for members in plan_stacks([job.run for job in jobs]):
        recorder = StackRecorder([jobs[member] for member in members], registry, tracker, progress)
        _run(recorder, data)
        found |= {members[position]: result for position, result in recorder.results.items()}
    progress.end()
    return [found[position] for position in range(len(jobs))]


def _run(recorder: StackRecorder, data: _Data) -> None:
    """Trains a stack. If that fails, the runs that are not over are trained alone: an error is the
    fault of one of them, and must not end its company.
    """
    try:
        _train(recorder, data)
    except Exception as error:  # a plugin may raise anything
        alone = recorder.unfinished()
        if len(recorder.stack.runs) == 1:
            details = str(error) if isinstance(error, HarnessError) else traceback.format_exc()
            recorder.fail(error, details)
            return
        for position, part in alone.items():
            _run(part, data)
            recorder.results[position] = part.results[0]


def _train(recorder: StackRecorder, loaded: _Data) -> None:
    """Trains one stack."""
    stack = recorder.stack
    data = loaded.of(stack.shared.config)
    network = network_of(stack, data)
    theta = stack.initial_theta(network)
    recorder.start(data, theta)
    for record in train(stack, data, theta):
        if isinstance(record, Epoch):
            recorder.epoch(record)
        else:
            recorder.end(record, data, network)


class _Data:
    """Loads and prepares each choice of data once."""

    def __init__(self) -> None:
        self._prepared: dict[str, Prepared] = {}

    def of(self, config: Config) -> Prepared:
        activation = config.loss.output_activation
        key = repr((config.dataset, activation, config.split))
        if key not in self._prepared:
            loaded = config.dataset.load()
            self._prepared[key] = prepare(loaded, config.dataset.task, activation, config.split)
        return self._prepared[key]
