"""`hydra/sweeper=random`, `sobol` and `halton`: each optimizer at points of its own search space.

    harness train -m hydra/sweeper=sobol hydra.sweeper.trials=32 optimizer=sgd,adam seed=0,1,2

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

__all__ = ["PointsSweeper"]


@dataclass
class PointsSweeperConf:
    """The settings `hydra.sweeper`.

    Attributes:
        method: How points are drawn: sobol, halton or random.
        trials: Number of trials for each contender, 1 or more; each trial is run for all seeds.
        seed: Seed of the points, 0 or more.
        params: Overrides as on the command line, value by key; the command line has the last word.
    """

    _target_: str = "hydra_plugins.harness_sweepers.points.PointsSweeper"
    method: str = "sobol"
    trials: int = 32
    seed: int = 0
    params: dict[str, str] | None = None


for method in ("random", "sobol", "halton"):
    ConfigStore.instance().store(
        group="hydra/sweeper", name=method, node=PointsSweeperConf(method=method)
    )


class PointsSweeper(Sweeper):
    """Hands all jobs to the launcher at once."""

    hydra_context: HydraContext
    config: DictConfig
    launcher: Launcher

    def __init__(self, method: str, trials: int, seed: int, params: dict[str, str] | None) -> None:
        self.method, self.trials, self.seed, self.params = method, trials, seed, params

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
        """Returns the JobReturns, in a list of one batch."""
        from harness.registry.registry import load_registry
        from harness.sweep.multirun import launch_batch, raise_errors, save_multirun
        from harness.sweep.searching.contenders import plan_search
        from harness.sweep.searching.sampling import sampled_jobs

        plan = plan_search(arguments, self.params, self.hydra_context, self.config, load_registry())
        jobs = sampled_jobs(plan, self.method, self.trials, self.seed)
        save_multirun(self.config)
        returns = launch_batch(self, jobs, 0)
        raise_errors(returns)
        return [returns]
