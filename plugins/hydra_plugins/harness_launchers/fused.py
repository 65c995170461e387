"""`hydra/launcher=fused`: trains all jobs of a sweep together, in stacks, in this process.

Annotations are not postponed here (`from __future__ import annotations`): Hydra runs this file in any
program of the environment before it is in `sys.modules`, where dataclasses would look annotations up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from harness.errors import ConfigurationError

__all__ = ["FusedLauncher"]


@dataclass
class FusedLauncherConf:
    """The settings `hydra.launcher`. Which runs train together follows from the jobs.

    Attributes:
        workers: Number of stacks in training at the same time, 1 or more; null for one a core.
        stack_size: Most runs of a stack, 1 or more; null for what fits into memory and is fastest on
            the backend.
    """

    _target_: str = "hydra_plugins.harness_launchers.fused.FusedLauncher"
    workers: int | None = None
    stack_size: int | None = None


ConfigStore.instance().store(group="hydra/launcher", name="fused", node=FusedLauncherConf)


class FusedLauncher(Launcher):
    """Hands all jobs of a batch to the core at once, instead of one after another."""

    checks_all_jobs = True

    def __init__(self, workers: int | None = None, stack_size: int | None = None) -> None:
        self.workers = workers
        self.stack_size = stack_size

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Called by Hydra before `launch`. Checks the settings: Hydra hides what `__init__` raises."""
        for name, value in (("workers", self.workers), ("stack_size", self.stack_size)):
            if value is not None and value < 1:
                raise ConfigurationError(f"hydra.launcher.{name} must be 1 or more. Got {value}.")
        self.hydra_context = hydra_context
        self.config = config

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Composes every job before the first one trains, so that a mistake in any is found first."""
        # Imported late: Hydra imports its plugins at every start
        from harness.sweep.launching.fused import launch_fused

        returns: Any = launch_fused(
            self.hydra_context,
            self.config,
            job_overrides,
            initial_job_idx,
            workers=self.workers,
            stack_size=self.stack_size,
        )
        return returns
