"""Launches the jobs of a Hydra multirun as stacks: composes all of them, then trains them together."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus, configure_log, setup_globals
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from harness.errors import ConfigurationError
from harness.job import Job, job_from
from harness.registry import load_registry
from harness.running import run_jobs
from harness.session import session

__all__ = ["launch"]


def launch(
    context: HydraContext, config: DictConfig, job_overrides: Sequence[Sequence[str]], first: int
) -> list[JobReturn]:
    """Returns a JobReturn for each list of overrides, in order."""
    setup_globals()
    configure_log(config.hydra.hydra_logging, config.hydra.verbose)
    trees = [
        _compose(context, config, overrides, first + number)
        for number, overrides in enumerate(job_overrides)
    ]
    jobs = [_job(tree) for tree in trees]  # every job is checked before the first folder exists
    if len({job.folder for job in jobs}) < len(jobs):
        raise ConfigurationError(
            "Several jobs of the sweep have the same folder, and the last would overwrite the others. "
            "Let hydra.sweep.subdir contain the job's number: ${hydra.job.num}."
        )
    for tree, job in zip(trees, jobs, strict=True):
        _save(tree, job.folder)
    tracking = jobs[0].run.config.tracking
    with session(tracking) as (tracker, progress):
        results = run_jobs(jobs, load_registry(), tracker, progress)
    return [
        JobReturn(
            overrides=list(tree.hydra.overrides.task),
            cfg=_task(tree),
            hydra_cfg=OmegaConf.masked_copy(tree, "hydra"),
            working_dir=os.getcwd(),
            task_name=tree.hydra.job.name,
            status=JobStatus.COMPLETED,  # also for a failed run, or the sweeper would end the sweep
            _return_value=result,
        )
        for tree, result in zip(trees, results, strict=True)
    ]


def _compose(
    context: HydraContext, config: DictConfig, overrides: Sequence[str], number: int
) -> DictConfig:
    """The whole tree of a job, `hydra` node included, as Hydra's basic launcher makes it."""
    tree = context.config_loader.load_sweep_config(config, list(overrides))
    with open_dict(tree):
        tree.hydra.job.id = str(number)
        tree.hydra.job.num = number
    HydraConfig.instance().set_config(tree)
    folder = os.path.join(str(tree.hydra.sweep.dir), str(tree.hydra.sweep.subdir))
    with read_write(tree.hydra.runtime), open_dict(tree.hydra.runtime):
        tree.hydra.runtime.output_dir = os.path.abspath(folder)
    return tree


def _task(tree: DictConfig) -> DictConfig:
    """The tree without Hydra's own node."""
    task = tree.copy()
    with read_write(task), open_dict(task):
        del task["hydra"]
    return task


def _job(tree: DictConfig) -> Job:
    HydraConfig.instance().set_config(tree)
    return job_from(_task(tree))


def _save(tree: DictConfig, folder: Path) -> None:
    """Hydra's usual files."""
    if tree.hydra.output_subdir is None:  # the user wants none
        return
    hydra = folder / str(tree.hydra.output_subdir)
    hydra.mkdir(parents=True, exist_ok=True)
    OmegaConf.save(_task(tree), hydra / "config.yaml")
    OmegaConf.save(OmegaConf.masked_copy(tree, "hydra"), hydra / "hydra.yaml")
    OmegaConf.save(tree.hydra.overrides.task, hydra / "overrides.yaml")
