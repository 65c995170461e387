"""`hydra/sweeper=grid`: every combination of the listed values, as Hydra's basic sweeper.

Annotations are not postponed here; see `harness_launchers/fused.py` for why.
"""

from dataclasses import dataclass
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

__all__ = ["GridSweeper"]


@dataclass
class GridSweeperConf:
    """The settings `hydra.sweeper`, those of Hydra's basic sweeper.

    Attributes:
        max_batch_size: Most jobs that are handed to the launcher at a time, 1 or more; null for all.
        params: Overrides as on the command line, value by key; the command line has the last word.
    """

    _target_: str = "hydra_plugins.harness_sweepers.grid.GridSweeper"
    max_batch_size: int | None = None
    params: dict[str, str] | None = None


ConfigStore.instance().store(group="hydra/sweeper", name="grid", node=GridSweeperConf)


class GridSweeper(Sweeper):
    """Composes no job a second time where the launcher is about to check all of them."""

    lists_its_jobs = True

    hydra_context: HydraContext
    config: DictConfig
    launcher: Launcher

    def __init__(self, max_batch_size: int | None, params: dict[str, str] | None) -> None:
        self.max_batch_size, self.params = max_batch_size, params

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Called by Hydra before `sweep`."""
        self.hydra_context = hydra_context
        self.config = config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """Returns the JobReturns of each batch."""
        from harness.sweep.multirun import launch_batch, raise_errors, save_multirun
        from harness.sweep.searching.grid import batches

        all_jobs = batches(arguments, self.params, self.hydra_context, self.max_batch_size)
        save_multirun(self.config)
        returns: list[Any] = []
        first = 0
        for jobs in all_jobs:
            returns.append(launch_batch(self, jobs, first))
            first += len(jobs)
            raise_errors(returns[-1])
        return returns
