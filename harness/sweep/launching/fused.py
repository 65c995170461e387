"""Trains the jobs of a Hydra multirun in this process, in stacks, once all of them are composed."""

from __future__ import annotations

import os
from collections.abc import Sequence

from hydra.core.utils import JobReturn
from hydra.types import HydraContext
from omegaconf import DictConfig

from harness.execution.jobs import run_jobs
from harness.execution.session import session
from harness.registry.registry import load_registry
from harness.sweep.multirun import job_returns, jobs_to_launch

__all__ = ["cores", "launch_fused"]


def launch_fused(
    context: HydraContext,
    config: DictConfig,
    job_overrides: Sequence[Sequence[str]],
    first: int,
    *,
    workers: int | None,
    stack_size: int | None,
) -> list[JobReturn]:
    """Trains the jobs of a batch.

    Args:
        context: Hydra's context, with the loader of configurations.
        config: Configuration of the sweep.
        job_overrides: Overrides of each job.
        first: Number of the first job.
        workers: Number of stacks in training at the same time; None for one a core.
        stack_size: Most runs of a stack; None where the backend is to decide.

    Returns:
        A JobReturn for each job, in order.
    """
    jobs = jobs_to_launch(context, config, job_overrides, first)
    with session(jobs[0].run.config.tracking) as (tracker, progress):
        results = run_jobs(
            jobs, load_registry(), tracker, progress, workers or cores(), stack_size=stack_size
        )
    return job_returns(config, jobs, results)


def cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
