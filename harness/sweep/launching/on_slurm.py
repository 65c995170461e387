"""Trains the jobs of a Hydra multirun on a Slurm cluster, a stack an array task, through submitit."""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any

from hydra.core.utils import JobReturn, configure_log, setup_globals
from hydra.types import HydraContext
from omegaconf import DictConfig

from harness.errors import ConfigurationError, MissingDependencyError
from harness.execution.session import session
from harness.sweep.composition import compose_jobs
from harness.sweep.launching.remote import RemoteStacks, check_store, failed, train_stack
from harness.sweep.multirun import job_returns

if TYPE_CHECKING:
    from hydra_plugins.harness_launchers.slurm import SlurmLauncherConf

__all__ = ["launch", "train_in_time"]

INTERVAL = 0.5  # seconds between two looks at what is over


def launch(
    context: HydraContext,
    config: DictConfig,
    job_overrides: Sequence[Sequence[str]],
    first: int,
    settings: SlurmLauncherConf,
) -> list[JobReturn]:
    """Returns a JobReturn for each list of overrides, in order."""
    setup_globals()
    configure_log(config.hydra.hydra_logging, config.hydra.verbose)
    jobs = compose_jobs(context, config, job_overrides, first)
    tracking = jobs[0].run.config.tracking
    if settings.cluster == "slurm":
        check_store(tracking, ["the machines of the Slurm cluster"])
    executor = _executor(settings)
    with session(tracking) as (tracker, progress):
        ledger = RemoteStacks(jobs, tracker, progress, settings.stack_size)
        # Slurm itself holds back what is too much
        places = len(ledger.stacks) if settings.cluster == "slurm" else settings.array_parallelism
        _train(executor, ledger, settings.cpus_per_task, places)
        return job_returns(config, jobs, ledger.results())


def _train(executor: Any, ledger: RemoteStacks, workers: int, places: int) -> None:
    """Has all stacks trained, `places` of them at a time."""
    waiting = deque(ledger.stacks)
    running: dict[Any, list[int]] = {}
    try:
        while waiting or running:
            new = [waiting.popleft() for _ in range(min(places - len(running), len(waiting)))]
            if new:
                texts = [ledger.text(stack) for stack in new]
                tasks = executor.map_array(train_in_time, texts, [workers] * len(new))
                running |= dict(zip(tasks, new, strict=True))
                for stack in new:
                    ledger.begin(stack)
            for task in [task for task in running if task.done()]:
                _end(task, running.pop(task), ledger)
            ledger.wait()
            time.sleep(INTERVAL)
    finally:  # nothing is running but after an interruption
        for task in running:
            task.cancel(check=False)


def _end(task: Any, stack: list[int], ledger: RemoteStacks) -> None:
    """An array task is over: has it an answer?"""
    try:
        answer = task.result()
    except Exception as error:  # submitit has several kinds, and whatever unpickling may raise
        cause = f"the task {task.job_id} ended without an answer (state {task.state})"
        ledger.lose(ledger.unfinished(stack), f"{cause}\n{error}", cause)
    else:
        ledger.take(stack, answer)


def train_in_time(text: str, workers: int) -> str:
    """`train_stack` in an array task. The signal that the time is nearly up ends it in good order.

    submitit's own handler would raise an error in the midst of training, which is not the run's.
    """
    number = getattr(signal, f"SIG{os.environ.get('SUBMITIT_PREEMPT_SIGNAL', 'USR2')}")
    before = signal.signal(number, _interrupt)
    try:
        return train_stack(text, workers)
    except KeyboardInterrupt:
        return failed(
            "the time limit was near, or Slurm needed the machine. Give the tasks more time "
            "(hydra.launcher.timeout_min) or fewer runs (hydra.launcher.stack_size)"
        )
    finally:
        signal.signal(number, before)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _executor(settings: SlurmLauncherConf) -> Any:
    """What submits tasks with these settings."""
    try:
        import submitit
    except ImportError as error:
        raise MissingDependencyError(
            "hydra/launcher=slurm needs submitit, which is not installed. Install it with "
            "pip install 'harness[slurm]', or leave hydra/launcher out to train on this machine."
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
