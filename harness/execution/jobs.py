"""From jobs to results: plans the stacks, trains them, and hands on what their loops yield.

Stacks train in workers, two of them on two cores; what they yield is taken down here. An error ends its
own run and no others.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.configuration.identity import identity, sources_of
from harness.configuration.job import Job
from harness.configuration.settings import Run
from harness.data.on_device import DeviceData
from harness.data.preparing import Prepared
from harness.execution.data_cache import DataCache
from harness.execution.planning import plan, stack_size_for
from harness.execution.progress import Progress
from harness.execution.recording import GroupRecorder
from harness.execution.resume import finished_results, write_identities
from harness.execution.run_files import record_failure
from harness.execution.workers import DIED, Failed, Task, work
from harness.registry.faults import PluginFault
from harness.registry.registry import Registry
from harness.tracking.tracker import Tracker
from harness.training.loop import batch_size_of, network_of
from harness.training.records import Began, Ended, Epoch, Record, Result
from harness.training.run_queue import RunQueue

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
    """Trains all jobs, as few stacks as their shapes allow. Returns their results in job order.

    workers: stacks in training at the same time. stack_size: the most runs of a stack, where the
    backend is not to decide. alone: whether no other process of the sweep trains beside this one, as far
    as is known. All data are loaded and prepared first: a DataError is raised before any
    run begins. Where it is the plugin of a dataset that is at fault, its runs fail and no others.
    """
    data = DataCache(registry)
    prepared = [data.of(job.run.config) for job in jobs]
    identities = [_identity(j, own, registry) for j, own in zip(jobs, prepared, strict=True)]
    _note(jobs, identities)
    found = finished_results(jobs, identities)
    if found:
        progress.say(f"{len(found)} of {len(jobs)} runs are finished already: not trained again")
    left = [position for position in range(len(jobs)) if position not in found]
    if not left:
        return [found[position] for position in range(len(jobs))]
    _warn_of_repeats([identities[position] for position in left], progress)
    progress.begin([jobs[position].run.config.training.max_epochs for position in left])
    for position in left:
        fault, job = prepared[position], jobs[position]
        if isinstance(fault, PluginFault):
            tags = {"identity": identities[position]}
            result = record_failure(job, tags, registry, tracker, fault.message, fault.details)
            found[position] = result
            progress.started(1)
            progress.ended(result, job.run.config.training.max_epochs)
    left = [position for position in left if position not in found]
    beside = {"workers": str(min(workers, len(left)))} if alone else {}
    tasks: list[Task] = []
    groups: list[list[int]] = []
    recorders: list[GroupRecorder] = []
    for positions in plan([jobs[position].run for position in left]):
        members = [left[position] for position in positions]
        own = [jobs[member] for member in members]
        runs = [job.run for job in own]
        placed = data.on_device(runs[0].config)
        size = stack_size_for(
            [run.config.seed for run in runs], stack_size or _capacity(runs[0], placed), workers
        )
        known = [identities[member] for member in members]
        recorder = GroupRecorder(
            own,
            known,
            placed.data,
            {"stack_size": str(size), **beside},
            registry,
            tracker,
            progress,
        )
        task = Task(len(groups), runs, placed, RunQueue(range(len(runs))), size)
        # Runs that give up their places to one another stay in one stack
        stacks = 1 if runs[0].config.training.halving.factor else -(-len(runs) // size)
        tasks += [task] * min(workers, stacks)
        groups.append(members)
        recorders.append(recorder)
    for number, record in work(tasks, workers):
        _take_down(recorders[number], record)
    for members, recorder in zip(groups, recorders, strict=True):
        for position in range(len(members)):  # where no worker is left, some have not begun
            if position not in recorder.results:
                recorder.fail(position, DIED, DIED)
        found |= {members[position]: result for position, result in recorder.results.items()}
    progress.end()
    return [found[position] for position in range(len(jobs))]


def _capacity(run: Run, data: DeviceData) -> int:
    size: int = data.backend.capacity(network_of(run, data.data), batch_size_of(run, data.data))
    return size


def _identity(job: Job, data: Prepared | PluginFault, registry: Registry) -> str:
    hashes = ("", "") if isinstance(data, PluginFault) else (data.sha256, data.split_sha256)
    return identity(job.run, sources_of(job.run, registry), *hashes)


def _note(jobs: Sequence[Job], identities: Sequence[str]) -> None:
    """Leaves in the folder of each sweep what it is going to train."""
    by_folder: dict[Path, list[str]] = {}
    for job, own in zip(jobs, identities, strict=True):
        if job.sweep_folder is not None:
            by_folder.setdefault(job.sweep_folder, []).append(own)
    for folder, members in by_folder.items():
        write_identities(folder, members)


def _warn_of_repeats(identities: Sequence[str], progress: Progress) -> None:
    repeats = len(identities) - len(set(identities))
    if repeats:
        progress.warn(
            f"{repeats} of {len(identities)} jobs are the same as another one, whose numbers they will "
            f"repeat: a mean and its deviation take them for runs of their own."
        )


def _take_down(recorder: GroupRecorder, record: Record | Failed) -> None:
    if isinstance(record, Began):
        recorder.start(record)
    elif isinstance(record, Epoch):
        recorder.epoch(record)
    elif isinstance(record, Ended):
        recorder.end(record)
    else:
        recorder.fail(record.run, record.error, record.details)
