"""Trains the jobs of a Hydra multirun on a Slurm cluster, a stack an array task, through submitit."""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any

from hydra.core.utils import JobReturn
from hydra.types import HydraContext
from omegaconf import DictConfig

from harness.errors import ConfigurationError, MissingDependencyError
from harness.execution.session import session
from harness.sweep.launching.remote_stacks import RemoteStacks
from harness.sweep.launching.shared_store import check_store
from harness.sweep.launching.worker import failure, train_stack
from harness.sweep.least_values import check_least_values
from harness.sweep.multirun import job_returns, jobs_to_launch

__all__ = ["SlurmSettings", "launch_on_slurm", "train_in_time"]

CLUSTERS = ("slurm", "local", "debug")
INTERVAL = 0.5  # seconds between two looks at which tasks are over


@dataclass(frozen=True)
class SlurmSettings:
    """The node `hydra.launcher` of `hydra/launcher=slurm`, see `SlurmLauncherConf` there."""

    cluster: str
    partition: str | None
    timeout_min: int
    cpus_per_task: int
    gpus_per_node: int
    mem_gb: float | None
    array_parallelism: int
    stack_size: int
    folder: str
    additional_parameters: Mapping[str, Any]

    def __post_init__(self) -> None:
        if self.cluster not in CLUSTERS:
            raise ConfigurationError(
                f"hydra.launcher.cluster must be one of {', '.join(CLUSTERS)}. Got {self.cluster!r}."
            )
        names = ("timeout_min", "cpus_per_task", "array_parallelism", "stack_size")
        check_least_values(self, dict.fromkeys(names, 1), "hydra.launcher.{}")


def launch_on_slurm(
    context: HydraContext,
    config: DictConfig,
    job_overrides: Sequence[Sequence[str]],
    first: int,
    settings: SlurmSettings,
) -> list[JobReturn]:
    """Trains the jobs of a batch on Slurm.

    Args:
        context: Hydra's context, with the loader of configurations.
        config: Configuration of the sweep.
        job_overrides: Overrides of each job.
        first: Number of the first job.
        settings: What an array task may use.

    Returns:
        A JobReturn for each job, in order.
    """
    jobs = jobs_to_launch(context, config, job_overrides, first)
    tracking = jobs[0].run.config.tracking
    if settings.cluster == "slurm":
        check_store(tracking, ["the machines of the Slurm cluster"])
    executor = _executor(settings)
    with session(tracking) as (tracker, progress):
        remote_stacks = RemoteStacks(jobs, tracker, progress, settings.stack_size)
        # Slurm itself limits the tasks that run at the same time
        tasks = (
            len(remote_stacks.stacks) if settings.cluster == "slurm" else settings.array_parallelism
        )
        _train(executor, remote_stacks, settings.cpus_per_task, tasks)
        return job_returns(config, jobs, remote_stacks.results())


def _train(executor: Any, remote_stacks: RemoteStacks, workers: int, tasks: int) -> None:
    """Trains all stacks.

    Args:
        executor: Executor of submitit, with the settings of a task.
        remote_stacks: The stacks, and their results so far.
        workers: Number of stacks that a task trains at the same time.
        tasks: Most tasks that are submitted at the same time.
    """
    waiting = deque(remote_stacks.stacks)
    running: dict[Any, list[int]] = {}
    try:
        while waiting or running:
            stacks = [waiting.popleft() for _ in range(min(tasks - len(running), len(waiting)))]
            if stacks:
                texts = [remote_stacks.text(stack) for stack in stacks]
                submitted = executor.map_array(train_in_time, texts, [workers] * len(stacks))
                running |= dict(zip(submitted, stacks, strict=True))
                for stack in stacks:
                    remote_stacks.start(stack)
            for task in [task for task in running if task.done()]:
                _receive(task, running.pop(task), remote_stacks)
            remote_stacks.wait()
            time.sleep(INTERVAL)
    finally:  # something is running only after an interruption
        for task in running:
            task.cancel(check=False)


def _receive(task: Any, stack: list[int], remote_stacks: RemoteStacks) -> None:
    """Records the answer of an array task that is over. One without an answer has failed."""
    try:
        answer = task.result()
    except Exception as error:  # submitit's errors are of several kinds, and unpickling raises any
        cause = f"the task {task.job_id} ended without an answer (state {task.state})"
        remote_stacks.fail(remote_stacks.unfinished(stack), f"{cause}\n{error}", cause)
    else:
        remote_stacks.receive(stack, answer)


def train_in_time(text: str, workers: int) -> str:
    """`train_stack` in an array task, ended in good order by the signal that the time is nearly up.

    submitit's own handler would raise an error in the middle of training, as if a run had failed.
    """
    number = getattr(signal, f"SIG{os.environ.get('SUBMITIT_PREEMPT_SIGNAL', 'USR2')}")
    before = signal.signal(number, _interrupt)
    try:
        return train_stack(text, workers)
    except KeyboardInterrupt:
        return failure(
            "the time limit was near, or Slurm needed the machine. Give the tasks more time "
            "(hydra.launcher.timeout_min) or fewer runs (hydra.launcher.stack_size)"
        )
    finally:
        signal.signal(number, before)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _executor(settings: SlurmSettings) -> Any:
    """submitit's executor, which submits tasks with these settings."""
    try:
        import submitit
    except ImportError as error:
        raise MissingDependencyError(
            "hydra/launcher=slurm needs submitit, which is not installed. Install it with "
            "pip install 'optimizer-harness[slurm]', or leave hydra/launcher out to train on this "
            "machine."
        ) from error
    try:
        executor = submitit.AutoExecutor(settings.folder, settings.cluster)
    except RuntimeError as error:
        raise ConfigurationError(
            f"hydra.launcher.cluster={settings.cluster} cannot be used here: {error} Start the sweep "
            f"where sbatch works, or take hydra.launcher.cluster=local."
        ) from error
    executor.update_parameters(
        name="harness",
        timeout_min=settings.timeout_min,
        cpus_per_task=settings.cpus_per_task,
        gpus_per_node=settings.gpus_per_node or None,
        mem_gb=settings.mem_gb,
        slurm_partition=settings.partition,
        slurm_array_parallelism=settings.array_parallelism,
        slurm_additional_parameters=dict(settings.additional_parameters),
    )
    return executor
