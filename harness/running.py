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
    """Trains all jobs, as few stacks as their shapes allow. Returns their results in job order."""
    found: dict[int, Result] = {}
    data = _Data()
    progress.begin(len(jobs))
    for members in plan_stacks([job.run for job in jobs]):
        recorder = StackRecorder([jobs[member] for member in members], registry, tracker, progress)
        try:
            _train(recorder, data)
        except HarnessError as error:
            recorder.fail(error, str(error))
        except Exception as error:  # a plugin's fault must not end the other stacks
            recorder.fail(error, traceback.format_exc())
        found |= {members[position]: result for position, result in recorder.results.items()}
    progress.end()
    return [found[position] for position in range(len(jobs))]


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
    """Loads and prepares each choice of data once, and keeps the last one."""

    def __init__(self) -> None:
        self._key = ""
        self._prepared: Prepared | None = None

    def of(self, config: Config) -> Prepared:
        activation = config.loss.output_activation
        key = repr((config.dataset, activation, config.split))
        if self._prepared is None or key != self._key:
            loaded = config.dataset.load()
            self._prepared = prepare(loaded, config.dataset.task, activation, config.split)
            self._key = key
        return self._prepared
