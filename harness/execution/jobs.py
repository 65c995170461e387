"""From jobs to results: prepared, perhaps finished already, planned into stacks, trained.

Stacks train in workers, two of them on two cores; this process records what they send. An error ends its
own run and no others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.configuration.identity import identity, sources_of
from harness.configuration.job import Job
from harness.data.on_device import DeviceData
from harness.execution.data_cache import DataCache
from harness.execution.group_recorder import GroupRecorder
from harness.execution.pending import PendingJob
from harness.execution.planning import plan, stack_size_for
from harness.execution.progress import Progress
from harness.execution.resume import reuse_finished, write_identities
from harness.execution.run_recorder import RunRecorder
from harness.execution.workers import DIED, StackTask, train_in_workers
from harness.registry.faults import PluginFault
from harness.registry.registry import Registry
from harness.tracking.tracker import Tracker
from harness.training.records import Result
from harness.training.run_queue import RunQueue
from harness.training.setup import batch_size_of, network_of

__all__ = ["run_jobs"]


def run_jobs(
    jobs: Sequence[Job],
    registry: Registry,
    tracker: Tracker,
    progress: Progress,
    workers: int = 1,
    stack_size: int | None = None,
    *,
    alone: bool = True,
) -> list[Result]:
    """Trains all jobs, in as few stacks as their shapes allow. Returns their results in job order.

    All data are loaded and prepared first, so a DataError is raised before any run begins. Where the
    plugin of a dataset is at fault, its runs fail and no others.

    Args:
        jobs: The jobs; those that are finished already are not trained again, see `resume`.
        registry: Registry of their components.
        tracker: Tracker that writes to MLflow.
        progress: Progress that a person sees.
        workers: Stacks in training at the same time.
        stack_size: The most runs of a stack; None where the backend decides.
        alone: Whether no other process of the sweep trains beside this one, as far as is known.
    """
    cache = DataCache(registry)
    pending = [_prepared(job, cache, registry) for job in jobs]
    _write_identities(pending)
    unfinished = reuse_finished(pending)
    if len(unfinished) < len(pending):
        reused = len(pending) - len(unfinished)
        progress.say(f"{reused} of {len(pending)} runs are finished already: not trained again")
    if unfinished:
        _warn_of_repeats(unfinished, progress)
        progress.begin([p.run.config.training.max_epochs for p in unfinished])
        trainable = _fail_without_data(unfinished, registry, tracker, progress)
        groups = [
            _Group.of(members, cache, stack_size, workers)
            for members in plan(trainable, lambda p: p.run)
        ]
        company = {"workers": str(min(workers, len(trainable)))} if alone else {}
        recorders = [group.recorder(company, registry, tracker, progress) for group in groups]
        _train(groups, recorders, workers)
        progress.end()
    results = [p.result for p in pending if p.result is not None]
    assert len(results) == len(jobs)
    return results


def _prepared(job: Job, cache: DataCache, registry: Registry) -> PendingJob:
    data = cache.of(job.run.config)
    hashes = ("", "") if isinstance(data, PluginFault) else (data.sha256, data.split_sha256)
    return PendingJob(job, data, identity(job.run, sources_of(job.run, registry), *hashes))


def _write_identities(pending: Iterable[PendingJob]) -> None:
    """Leaves in the folder of each sweep what it is going to train."""
    by_folder: dict[Path, list[PendingJob]] = {}
    for p in pending:
        if p.job.sweep_folder is not None:
            by_folder.setdefault(p.job.sweep_folder, []).append(p)
    for folder, jobs in by_folder.items():
        phases = [p.run.config.tracking.phase for p in jobs]
        write_identities(folder, [p.identity for p in jobs], phases)


def _warn_of_repeats(pending: Sequence[PendingJob], progress: Progress) -> None:
    repeats = len(pending) - len({p.identity for p in pending})
    if repeats:
        progress.warn(
            f"{repeats} of {len(pending)} jobs are the same as another one, whose numbers they will "
            f"repeat: a mean and its deviation take them for runs of their own."
        )


def _fail_without_data(
    pending: Sequence[PendingJob], registry: Registry, tracker: Tracker, progress: Progress
) -> list[PendingJob]:
    """Fails the jobs whose data a plugin could not load. Returns the others."""
    for p in pending:
        if isinstance(p.data, PluginFault):
            progress.started(1)
            recorder = RunRecorder(p.job, {"identity": p.identity}, registry, tracker)
            p.result = recorder.fail(p.data.message, p.data.details)
            progress.ended(p.result, p.run.config.training.max_epochs)
    return [p for p in pending if p.result is None]


@dataclass(frozen=True)
class _Group:
    """Jobs that share every shape, and the stacks that train them.

    Attributes:
        jobs: Jobs, in the order in which they are to begin.
        data: Their data.
        stack_size: Runs of a stack that train at the same time.
        stacks: How many stacks have work, at most.
    """

    jobs: list[PendingJob]
    data: DeviceData
    stack_size: int
    stacks: int

    @classmethod
    def of(
        cls, jobs: list[PendingJob], cache: DataCache, stack_size: int | None, workers: int
    ) -> _Group:
        """The group of these jobs, with stacks of the size that fits them."""
        config = jobs[0].run.config
        data = cache.on_device(config)
        capacity = stack_size or _capacity(jobs[0], data)
        size = stack_size_for([p.run.config.seed for p in jobs], capacity, workers)
        # Runs that are compared with one another, and dropped, stay in one stack
        stacks = 1 if config.training.halving.factor else -(-len(jobs) // size)
        return cls(jobs, data, size, stacks)

    def recorder(
        self, company: dict[str, str], registry: Registry, tracker: Tracker, progress: Progress
    ) -> GroupRecorder:
        """The recorder of its runs.

        Args:
            company: Tags beside `stack_size`, see `GroupRecorder`.
            registry: Registry of their components.
            tracker: Tracker that writes to MLflow.
            progress: Progress that a person sees.
        """
        company = {"stack_size": str(self.stack_size), **company}
        return GroupRecorder(self.jobs, self.data.data, company, registry, tracker, progress)


def _capacity(pending: PendingJob, data: DeviceData) -> int:
    """The most runs like this one that the backend trains well in a stack."""
    run = pending.run
    size: int = data.backend.capacity(network_of(run, data.data), batch_size_of(run, data.data))
    return size


def _train(groups: Sequence[_Group], recorders: Sequence[GroupRecorder], workers: int) -> None:
    """Trains all groups, and records what happens."""
    tasks: list[StackTask] = []
    for number, group in enumerate(groups):
        runs = [p.run for p in group.jobs]
        task = StackTask(number, runs, group.data, RunQueue(range(len(runs))), group.stack_size)
        tasks += [task] * min(workers, group.stacks)
    for number, record in train_in_workers(tasks, workers):
        recorders[number].take(record)
    for recorder in recorders:
        recorder.fail_rest(DIED)
