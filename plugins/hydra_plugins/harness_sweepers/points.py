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
    """trials: for each contender; every one of them is run for all seeds. seed: of the points."""

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
        from harness.sweep.multirun import checks_all_jobs, save_multirun
        from harness.sweep.searching.contenders import contest_of
        from harness.sweep.searching.sampling import sampled_jobs

        contest = contest_of(
            arguments, self.params, self.hydra_context, self.config, load_registry()
        )
        jobs = sampled_jobs(contest, self.method, self.trials, self.seed)
        save_multirun(self.config)
        if not checks_all_jobs(self.config):
            self.validate_batch_is_legal(jobs)
        returns = self.launcher.launch(jobs, initial_job_idx=0)
        for one in returns:
            _ = one.return_value  # raises what a job has raised
        return [returns]
