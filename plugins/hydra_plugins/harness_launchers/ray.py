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

__all__ = ["RayLauncher"]


@dataclass
class RayLauncherConf:
    """The settings `hydra.launcher`: the cluster, and the resources of a task with a stack of runs.

    Attributes:
        address: Address of the cluster, as 10.0.0.1:6379 or ray://10.0.0.1:10001; auto for the one that
            this machine belongs to; null to start one on this machine for the sweep.
        num_cpus: CPUs that a task claims, 0 or more. It trains as many stacks side by side.
        num_gpus: GPUs that a task claims, 0 or more.
        stack_size: Most runs of a task, 1 or more. Large stacks train faster; small ones are spread
            better, and less is lost where a machine dies.
        max_retries: How often the runs of a dead worker or machine are sent out again, 0 or more.
    """

    _target_: str = "hydra_plugins.harness_launchers.ray.RayLauncher"
    address: str | None = None
    num_cpus: float = 1.0
    num_gpus: float = 0.0
    stack_size: int = 64
    max_retries: int = 3


ConfigStore.instance().store(group="hydra/launcher", name="ray", node=RayLauncherConf)


class RayLauncher(Launcher):
    """Hands all jobs of a batch to the core at once."""

    checks_all_jobs = True

    def __init__(self, **settings: Any) -> None:
        self._unchecked_settings = settings

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Called by Hydra before `launch`. Checks the settings: Hydra hides what `__init__` raises."""
        # Imported late: Hydra imports its plugins at every start
        from harness.sweep.launching.on_ray import RaySettings

        self.settings = RaySettings(**self._unchecked_settings)
        self.hydra_context = hydra_context
        self.config = config

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Composes every job before the first one trains, so that a mistake in any is found first."""
        from harness.sweep.launching.on_ray import launch_on_ray

        returns: Any = launch_on_ray(
            self.hydra_context, self.config, job_overrides, initial_job_idx, self.settings
        )
        return returns
