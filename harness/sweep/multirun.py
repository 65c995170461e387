"""What every sweeper does before its first job, and every launcher after the last."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig, OmegaConf

from harness.configuration.job import Job
from harness.training.records import Result

__all__ = ["checks_all_jobs", "job_returns", "save_multirun"]

OWN_LAUNCHERS = "hydra_plugins.harness_launchers."


def checks_all_jobs(config: DictConfig) -> bool:
    """Whether the launcher composes and checks all jobs of a batch before the first one trains.

    The launchers of harness do, so a sweeper need not compose them once more (50 to 100 ms a job).
    """
    return str(config.hydra.launcher._target_).startswith(OWN_LAUNCHERS)


def save_multirun(config: DictConfig) -> None:
    """`multirun.yaml` in the folder of the sweep, as Hydra's own sweeper leaves it."""
    folder = Path(config.hydra.sweep.dir)
    folder.mkdir(parents=True, exist_ok=True)
    OmegaConf.save(config, folder / "multirun.yaml")


def job_returns(
    config: DictConfig, jobs: Sequence[Job], results: Sequence[Result]
) -> list[JobReturn]:
    """What a launcher gives to Hydra's sweeper. Completed also where a run failed: the sweep goes on."""
    return [
        JobReturn(
            overrides=list(job.overrides),
            # Without the trees, which take a megabyte a job: no sweeper reads them
            working_dir=os.getcwd(),
            task_name=config.hydra.job.name,
            status=JobStatus.COMPLETED,
            _return_value=result,
        )
        for job, result in zip(jobs, results, strict=True)
    ]
