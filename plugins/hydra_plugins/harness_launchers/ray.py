"""`hydra/launcher=ray`: trains the jobs of a sweep on a Ray cluster, in stacks.

Annotations are not postponed here, see `fused.py`.
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

__all__ = ["RayLauncher"]


@dataclass
class RayLauncherConf:
    """Which cluster, and what a stack of runs may take there.

    address: of the cluster, as in 10.0.0.1:6379 or ray://10.0.0.1:10001; auto for the one that this
    machine belongs to; null starts one on this machine for the sweep. num_cpus, num_gpus: what a task
    claims; it trains as many stacks side by side as it has CPUs. stack_size: the most runs of a task;
    more train faster, fewer spread better and lose less where a machine dies. max_retries: how often
    what a dead worker or machine was training is sent out again.
    """

    _target_: str = "hydra_plugins.harness_launchers.ray.RayLauncher"
    address: str | None = None
    num_cpus: float = 1.0
    num_gpus: float = 0.0
    stack_size: int = 64
    max_retries: int = 3

    def __post_init__(self) -> None:
        for name, low in (("num_cpus", 0), ("num_gpus", 0), ("stack_size", 1), ("max_retries", 0)):
            if not getattr(self, name) >= low:
                raise ConfigurationError(
                    f"hydra.launcher.{name} must be {low} or more. Got {getattr(self, name)}."
                )


ConfigStore.instance().store(group="hydra/launcher", name="ray", node=RayLauncherConf)


class RayLauncher(Launcher):
    """Hands all jobs of a batch to the core at once."""

    def __init__(self, **settings: Any) -> None:
        self._given = settings

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Called by Hydra before `launch`. What is wrong is said here: Hydra would wrap it above."""
        self.settings = RayLauncherConf(**self._given)
        self.hydra_context = hydra_context
        self.config = config

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Composes every job before the first one trains, so that a mistake in any is found first."""
        from harness.sweep.launching.on_ray import (
            launch,  # late: Hydra imports its plugins at every start
        )

        returns: Any = launch(
            self.hydra_context, self.config, job_overrides, initial_job_idx, self.settings
        )
        return returns
