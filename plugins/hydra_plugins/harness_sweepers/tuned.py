"""`hydra/sweeper=tuned`: each contender tuned alike on validation, then judged on fresh seeds.

    harness tune optimizer=sgd,adam seed=0,1,2 --trials 32

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

__all__ = ["TunedSweeper"]


@dataclass
class TunedSweeperConf:
    """trials: for each contender; every one of them is run for all seeds.

    method: sobol, halton or random. seed: of the points. final_seeds: how many fresh seeds the chosen
    settings are run for. untuned: also run each contender's defaults for them. extend: how many times at
    most a range is extended whose best value lies on its edge. metric: what settings are chosen by, on
    validation: loss or a score of the task; null for the score that stopping goes by, else accuracy, r2.
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
        from pathlib import Path

        from harness.registry.registry import load_registry
        from harness.sweep.composition import Composer
        from harness.sweep.multirun import save_multirun
        from harness.sweep.searching.contenders import contest_of
        from harness.sweep.tuning.protocol import Settings, tune

        contest = contest_of(
            arguments, self.params, self.hydra_context, self.config, load_registry()
        )
        settings = Settings(**self.settings)
        composer = Composer(self.hydra_context, self.config)
        save_multirun(self.config)
        folder = Path(self.config.hydra.sweep.dir).absolute()
        return tune(contest, settings, composer.run, self._launch, folder)

    def _launch(self, jobs: list[list[str]], first: int) -> Sequence[JobReturn]:
        from harness.sweep.multirun import checks_all_jobs

        if not checks_all_jobs(self.config):
            self.validate_batch_is_legal(jobs)
        return self.launcher.launch(jobs, initial_job_idx=first)
