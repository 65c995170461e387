"""Launches the jobs of a Hydra multirun as stacks: composes all of them, then trains them together."""

from __future__ import annotations

import os
from collections.abc import Sequence

from hydra.core.utils import JobReturn, configure_log, setup_globals
from hydra.types import HydraContext
from omegaconf import DictConfig

from harness.execution.jobs import run_jobs
from harness.execution.session import session
from harness.registry.registry import load_registry
from harness.sweep.composition import compose_jobs
from harness.sweep.multirun import job_returns

__all__ = ["launch"]


def launch(
    context: HydraContext,
    config: DictConfig,
    job_overrides: Sequence[Sequence[str]],
    first: int,
    *,
    workers: int | None,
    stack_size: int | None,
) -> list[JobReturn]:
    """Returns a JobReturn for each list of overrides, in order.

    workers: stacks in training at the same time, one a core where it is None. stack_size: the most runs
    of a stack, where the backend is not to decide.
    """
    setup_globals()
    configure_log(config.hydra.hydra_logging, config.hydra.verbose)
    jobs = compose_jobs(context, config, job_overrides, first)
    with session(jobs[0].run.config.tracking) as (tracker, progress):
        results = run_jobs(
            jobs, load_registry(), tracker, progress, workers or cores(), stack_size=stack_size
        )
    return job_returns(config, jobs, results)


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
