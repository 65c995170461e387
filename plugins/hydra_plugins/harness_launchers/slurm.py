"""`hydra/launcher=slurm`: trains the jobs of a sweep on a Slurm cluster, in stacks.

Annotations are not postponed here, see `fused.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from harness.errors import ConfigurationError

__all__ = ["SlurmLauncher"]

CLUSTERS = ("slurm", "local", "debug")


@dataclass
class SlurmLauncherConf:
    """What an array task may take.

    cluster: slurm; local for processes of this machine; debug for this process. partition, timeout_min
    (minutes), cpus_per_task, gpus_per_node, mem_gb: of a task, as for sbatch; a task trains as many
    stacks side by side as it has CPUs. array_parallelism: tasks at the same time. stack_size: the most
    runs of a task. folder: for submitit's files and the logs of the tasks; all machines must have it.
    additional_parameters: more for sbatch, as in {account: vision, qos: long}.
    """

    _target_: str = "hydra_plugins.harness_launchers.slurm.SlurmLauncher"
    cluster: str = "slurm"
    partition: str | None = None
    timeout_min: int = 60
    cpus_per_task: int = 1
    gpus_per_node: int = 0
    mem_gb: float | None = None
    array_parallelism: int = 256
    stack_size: int = 64
    folder: str = "${hydra.sweep.dir}/.submitit"
    additional_parameters: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.cluster not in CLUSTERS:
            raise ConfigurationError(
                f"hydra.launcher.cluster must be one of {', '.join(CLUSTERS)}. Got {self.cluster!r}."
            )
        for name in ("timeout_min", "cpus_per_task", "array_parallelism", "stack_size"):
            if getattr(self, name) < 1:
                raise ConfigurationError(
                    f"hydra.launcher.{name} must be 1 or more. Got {getattr(self, name)}."
                )


ConfigStore.instance().store(group="hydra/launcher", name="slurm", node=SlurmLauncherConf)


class SlurmLauncher(Launcher):
    """Hands all jobs of a batch to the core at once."""

    def __init__(self, **settings: Any) -> None:
        self._given = settings

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Called by Hydra before `launch`. What is wrong is said here: Hydra would wrap it above."""
        self.settings = SlurmLauncherConf(**self._given)
        self.hydra_context = hydra_context
        self.config = config

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Composes every job before the first one trains, so that a mistake in any is found first."""
        from harness.sweep.launching.on_slurm import (
            launch,  # late: Hydra imports its plugins at every start
        )

        returns: Any = launch(
            self.hydra_context, self.config, job_overrides, initial_job_idx, self.settings
        )
        return returns
