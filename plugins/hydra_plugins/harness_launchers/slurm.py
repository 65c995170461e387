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

__all__ = ["SlurmLauncher"]


@dataclass
class SlurmLauncherConf:
    """The settings `hydra.launcher`: the resources of an array task with a stack of runs, as for sbatch.

    Attributes:
        cluster: slurm; local for processes of this machine; debug for this process.
        partition: Partition of the cluster; null for its default.
        timeout_min: Time limit of a task, in minutes, 1 or more.
        cpus_per_task: CPUs of a task, 1 or more. It trains as many stacks side by side.
        gpus_per_node: GPUs of a task, 0 or more.
        mem_gb: Memory of a task, in gigabytes; null for the default of the cluster.
        array_parallelism: Most tasks that run at the same time, 1 or more.
        stack_size: Most runs of a task, 1 or more.
        folder: Folder for submitit's files and the logs of the tasks; all machines must reach it.
        additional_parameters: Further options of sbatch, as {account: vision, qos: long}.
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


ConfigStore.instance().store(group="hydra/launcher", name="slurm", node=SlurmLauncherConf)


class SlurmLauncher(Launcher):
    """Hands all jobs of a batch to the core at once."""

    checks_all_jobs = True

    def __init__(self, **settings: Any) -> None:
        self._unchecked_settings = settings

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Called by Hydra before `launch`. Checks the settings: Hydra hides what `__init__` raises."""
        # Imported late: Hydra imports its plugins at every start
        from harness.sweep.launching.on_slurm import SlurmSettings

        self.settings = SlurmSettings(**self._unchecked_settings)
        self.hydra_context = hydra_context
        self.config = config

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Composes every job before the first one trains, so that a mistake in any is found first."""
        from harness.sweep.launching.on_slurm import launch_on_slurm

        returns: Any = launch_on_slurm(
            self.hydra_context, self.config, job_overrides, initial_job_idx, self.settings
        )
        return returns
