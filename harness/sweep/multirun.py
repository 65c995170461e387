"""What launchers and sweepers have in common, and what their classes say about themselves."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus, configure_log, setup_globals
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext
from hydra.utils import get_class
from omegaconf import DictConfig, OmegaConf

from harness.configuration.job import Job
from harness.errors import ConfigurationError
from harness.execution.run_recorder import CONFIGURATION
from harness.sweep.composition import compose_jobs
from harness.training.records import Result

__all__ = [
    "check_job_folder",
    "checks_all_jobs",
    "job_returns",
    "jobs_to_launch",
    "launch_batch",
    "lists_its_jobs",
    "raise_errors",
    "replaces_sweep",
    "save_multirun",
    "tunes",
]

BASIC_SWEEPER = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"


def checks_all_jobs(config: DictConfig) -> bool:
    """Whether the launcher composes and checks all jobs of a batch before the first one trains.

    A launcher says so by an attribute of its class, `checks_all_jobs = True`, as those of harness do.
    A sweeper then need not compose the jobs as well, which takes 50 to 100 ms a job.
    """
    return _says(config.hydra.launcher, "checks_all_jobs")


def lists_its_jobs(config: DictConfig) -> bool:
    """Whether the jobs of the sweep are every combination of the listed values, and known beforehand.

    Hydra's basic sweeper does that; other sweepers say so by `lists_its_jobs = True` in their class.
    """
    sweeper = config.hydra.sweeper
    return sweeper._target_ == BASIC_SWEEPER or _says(sweeper, "lists_its_jobs")


def tunes(config: DictConfig) -> bool:
    """Whether the sweep is a tuning protocol: the sweeper says so by `tunes = True` in its class."""
    return _says(config.hydra.sweeper, "tunes")


def _says(plugin: DictConfig, attribute: str) -> bool:
    """Whether the class of a launcher or sweeper has a true attribute."""
    return bool(getattr(get_class(plugin._target_), attribute, False))


def save_multirun(config: DictConfig) -> None:
    """Writes `multirun.yaml` into the folder of the sweep, as Hydra's own sweeper does."""
    folder = Path(config.hydra.sweep.dir)
    folder.mkdir(parents=True, exist_ok=True)
    OmegaConf.save(config, folder / "multirun.yaml")


def jobs_to_launch(
    context: HydraContext, config: DictConfig, job_overrides: Sequence[Sequence[str]], first: int
) -> list[Job]:
    """Prepares a launch as Hydra's launchers do and composes its jobs, see `compose_jobs`.

    Raises ConfigurationError for a first batch in the folder of another sweep that is not continued.
    """
    setup_globals()
    configure_log(config.hydra.hydra_logging, config.hydra.verbose)
    if not first and replaces_sweep(config):
        raise _folder_is_used(config.hydra.sweep.dir)
    return compose_jobs(context, config, job_overrides, first)


def check_job_folder(job: Job) -> None:
    """Checks a job that a launcher of Hydra's started by itself, as `jobs_to_launch` does for all.

    Raises ConfigurationError if the job would overwrite a run of another sweep.
    """
    used = job.sweep_folder is not None and (job.folder / CONFIGURATION).exists()
    if used and not job.run.config.skip_finished:
        raise _folder_is_used(str(job.sweep_folder))


def _folder_is_used(folder: str) -> ConfigurationError:
    return ConfigurationError(
        f"The folder {folder} holds the runs of another sweep, which would be overwritten. Choose "
        f"another hydra.sweep.dir, or continue that sweep: skip_finished=true."
    )


def replaces_sweep(config: DictConfig) -> bool:
    """Whether the folder of a sweep holds runs of another one, which the sweep does not continue."""
    folder = Path(config.hydra.sweep.dir)
    return not config.skip_finished and any(folder.rglob(CONFIGURATION))


def launch_batch(sweeper: Sweeper, jobs: list[list[str]], first: int) -> Sequence[JobReturn]:
    """Has a sweeper's launcher train jobs, checked before any of them trains.

    Args:
        sweeper: Sweeper that was set up.
        jobs: Overrides of each job.
        first: Number of the first job.

    Returns:
        What the launcher returns: a JobReturn for each job, in order.
    """
    assert sweeper.config is not None
    assert sweeper.launcher is not None
    if not checks_all_jobs(sweeper.config):
        sweeper.validate_batch_is_legal(jobs)
    return sweeper.launcher.launch(jobs, initial_job_idx=first)


def job_returns(
    config: DictConfig, jobs: Sequence[Job], results: Sequence[Result]
) -> list[JobReturn]:
    """What a launcher gives to Hydra's sweeper. Completed even where a run failed: the sweep goes on."""
    return [
        JobReturn(
            overrides=list(job.overrides),
            # Without the configurations, which take a megabyte a job: no sweeper reads them
            working_dir=os.getcwd(),
            task_name=config.hydra.job.name,
            status=JobStatus.COMPLETED,
            _return_value=result,
        )
        for job, result in zip(jobs, results, strict=True)
    ]


def raise_errors(returns: Sequence[Any]) -> None:
    """Raises the error of the first job that raised one: reading the value of its return does."""
    for returned in returns:
        _ = returned.return_value
