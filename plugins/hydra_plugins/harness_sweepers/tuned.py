"""`hydra/sweeper=tuned`: each contender tuned alike on validation, then judged on fresh seeds.

    harness tune optimizer=sgd,adam seed=0,1,2 --trials 32

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

__all__ = ["TunedSweeper"]


@dataclass
class TunedSweeperConf:
    """The settings `hydra.sweeper`.

    Attributes:
        trials: Number of trials for each contender, 2 or more; each trial is run for all seeds.
        method: How points are drawn: sobol, halton or random.
        seed: Seed of the points, 0 or more.
        final_seeds: Number of fresh seeds that the chosen settings are run for, 1 or more.
        untuned: Whether the defaults of each contender are run for the fresh seeds as well.
        extend: How often a range is extended if its best value lies on its edge, 0 or more.
        metric: Validation metric by which settings are chosen: loss, or a score of the task; null for
            the score that early stopping watches, if it watches one, else accuracy or r2.
        params: Overrides as on the command line, value by key; the command line has the last word.
    """

    _target_: str = "hydra_plugins.harness_sweepers.tuned.TunedSweeper"
    trials: int = 32
    method: str = "sobol"
    seed: int = 0
    final_seeds: int = 10
    untuned: bool = True
    extend: int = 0
    metric: str | None = None
    params: dict[str, str] | None = None


ConfigStore.instance().store(group="hydra/sweeper", name="tuned", node=TunedSweeperConf)


class TunedSweeper(Sweeper):
    """Hands the launcher one batch for each phase of the protocol."""

    tunes = True

    hydra_context: HydraContext
    config: DictConfig
    launcher: Launcher

    def __init__(self, params: dict[str, str] | None, **settings: Any) -> None:
        self.params, self.settings = params, settings

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
        from functools import partial
        from pathlib import Path

        from harness.registry.registry import load_registry
        from harness.sweep.composition import Composer
        from harness.sweep.multirun import launch_batch, save_multirun
        from harness.sweep.searching.contenders import plan_search
        from harness.sweep.tuning.protocol import TuningSettings, tune

        plan = plan_search(arguments, self.params, self.hydra_context, self.config, load_registry())
        settings = TuningSettings(**self.settings)
        composer = Composer(self.hydra_context, self.config)
        save_multirun(self.config)
        folder = Path(self.config.hydra.sweep.dir).absolute()
        return tune(plan, settings, composer.run, partial(launch_batch, self), folder)
