"""`hydra/sweeper=optuna`: a search with Optuna that asks for a whole stack of trials at a time.

    harness train -m hydra/sweeper=optuna hydra.sweeper.study=first optimizer=sgd,adam seed=0,1,2

Annotations are not postponed here; see `harness_launchers/fused.py` for why.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

__all__ = ["OptunaSweeper"]


@dataclass
class OptunaSweeperConf:
    """trials: that each contender's study shall have in the end, those of earlier calls included.

    batch: how many are asked for at a time, of each contender. sampler: tpe, gp or random. seed: of the
    sampler. study: a name to go on with; null for one of its own. storage: any database Optuna knows.
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
        from harness.configuration.job import sweep_id
        from harness.errors import ConfigurationError
        from harness.registry.registry import load_registry
        from harness.sweep.multirun import save_multirun
        from harness.sweep.searching.contenders import contest_of
        from harness.sweep.searching.study import Settings, search

        if not self.config.split.validation:
            raise ConfigurationError(
                "A study is scored on the validation part, and split.validation=0 leaves none. Set "
                "split.validation above 0."
            )
        contest = contest_of(
            arguments, self.params, self.hydra_context, self.config, load_registry()
        )
        settings = Settings(**self.settings)
        name = settings.study or sweep_id(str(self.config.hydra.sweep.dir))
        save_multirun(self.config)
        return search(contest, settings, name, self._launch)

    def _launch(self, jobs: list[list[str]], first: int) -> Sequence[JobReturn]:
        from harness.sweep.multirun import checks_all_jobs

        if not checks_all_jobs(self.config):
            self.validate_batch_is_legal(jobs)
        return self.launcher.launch(jobs, initial_job_idx=first)
