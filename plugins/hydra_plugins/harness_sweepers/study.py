"""`hydra/sweeper=optuna`: a search with Optuna that asks for a whole batch of trials at a time.

    harness train -m hydra/sweeper=optuna hydra.sweeper.study=first optimizer=sgd,adam seed=0,1,2

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

__all__ = ["OptunaSweeper"]


@dataclass
class OptunaSweeperConf:
    """The settings `hydra.sweeper`.

    Attributes:
        trials: Number of trials that each contender's study has in the end, 1 or more, those of earlier
            calls included.
        batch: Number of trials that are asked for at a time, for each contender, 1 or more.
        sampler: Sampler that draws trials: tpe, gp (a Gaussian process) or random.
        seed: Seed of the sampler, 0 or more.
        study: Name of the study, to go on with it later; null for a new one called after the sweep.
        storage: URL of a database for studies, as SQLAlchemy writes it.
        params: Overrides as on the command line, value by key; the command line has the last word.
    """

    _target_: str = "hydra_plugins.harness_sweepers.study.OptunaSweeper"
    trials: int = 32
    batch: int = 8
    sampler: str = "tpe"
    seed: int = 0
    study: str | None = None
    storage: str = "sqlite:///outputs/optuna.db"
    params: dict[str, str] | None = None


ConfigStore.instance().store(group="hydra/sweeper", name="optuna", node=OptunaSweeperConf)


class OptunaSweeper(Sweeper):
    """Hands the trials that Optuna asks for to the launcher, batch by batch."""

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

        from harness.configuration.job import sweep_id
        from harness.errors import ConfigurationError
        from harness.registry.registry import load_registry
        from harness.sweep.multirun import launch_batch, save_multirun
        from harness.sweep.searching.contenders import plan_search
        from harness.sweep.searching.study import StudySettings, search

        if not self.config.split.validation:
            raise ConfigurationError(
                "A study is scored on the validation part, and split.validation=0 leaves none. Set "
                "split.validation above 0."
            )
        plan = plan_search(arguments, self.params, self.hydra_context, self.config, load_registry())
        settings = StudySettings(**self.settings)
        name = settings.study or sweep_id(str(self.config.hydra.sweep.dir))
        save_multirun(self.config)
        return search(plan, settings, name, partial(launch_batch, self))
