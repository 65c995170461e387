"""The tuning protocol: contenders are tuned alike on the validation part, then judged on fresh seeds.

    tuning        every contender at the same number of points of its own search space, each point for
                  all tuning seeds; no test metric is computed
    tuning-2, …   as many again, in longer ranges, for contenders whose best value lies on an edge (only
                  if extensions are asked for); the best setting of all tunings is chosen
    final         the best setting of each contender, on seeds that no setting was chosen by
    untuned       the defaults of each contender, on the same seeds

Each phase is a batch for the launcher, except that the last two are one batch together; the tag `phase`
of a run names its phase. The choice follows from the results alone and the points from their seed, so an
interrupted protocol goes on with `skip_finished=true`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn

from harness.configuration.phase import Phase, tuning_phase
from harness.execution.progress import Progress, counted
from harness.sweep.least_values import check_least_values
from harness.sweep.multirun import raise_errors
from harness.sweep.searching.contenders import SearchPlan
from harness.sweep.searching.sampling import unit_points
from harness.sweep.searching.scoring import result_of
from harness.sweep.tuning.contender import Compose, TunedContender
from harness.sweep.tuning.record import TUNING, advice, choice, findings, record, write
from harness.training.records import Result

__all__ = ["TUNING", "TuningSettings", "tune"]

Launch = Callable[[list[list[str]], int], Sequence[JobReturn]]


@dataclass(frozen=True)
class TuningSettings:
    """The node `hydra.sweeper` of `hydra/sweeper=tuned`, see `TunedSweeperConf` there."""

    trials: int
    method: str
    seed: int
    final_seeds: int
    untuned: bool
    extend: int
    metric: str | None

    def __post_init__(self) -> None:
        least = {"trials": 2, "seed": 0, "final_seeds": 1, "extend": 0}
        check_least_values(self, least, "'hydra.sweeper.{}'")


def tune(
    plan: SearchPlan, settings: TuningSettings, compose: Compose, launch: Launch, folder: Path
) -> list[Any]:
    """Goes through the protocol. Prints the setting that is chosen for each contender before final runs.

    Args:
        plan: Contenders and seeds.
        settings: How to tune.
        compose: Composes a run from overrides.
        launch: Trains jobs, given their overrides and the number of the first.
        folder: Folder of the sweep, where `tuning.json` is left.

    Returns:
        What `launch` returned, batch by batch.

    Raises:
        ConfigurationError: For a contender without a validation part, and for an unknown metric or
            method, before anything is trained.
        Exception: What a job raised.
    """
    return _Protocol(plan, settings, compose, launch, folder).run()


class _Protocol:
    def __init__(
        self,
        plan: SearchPlan,
        settings: TuningSettings,
        compose: Compose,
        launch: Launch,
        folder: Path,
    ) -> None:
        self.plan, self.settings, self.folder = plan, settings, folder
        self.compose, self.launch = compose, launch
        self.contenders = [TunedContender.of(c, settings.metric, compose) for c in plan.contenders]
        dimensions = max(len(contender.space) for contender in plan.contenders)
        self.points = unit_points(settings.method, settings.trials, dimensions, settings.seed)
        overrides = plan.contenders[0].overrides
        self.seeds = [compose([*overrides, *seed]).config.seed for seed in plan.seeds]
        first = max(self.seeds) + 1
        self.fresh_seeds = list(range(first, first + settings.final_seeds))
        self.progress = Progress()
        self.returns: list[Any] = []
        self.jobs = 0

    def run(self) -> list[Any]:
        self._tune()
        for contender in self.contenders:
            print(choice(contender), flush=True)
        for finding in findings(self.contenders):
            self.progress.warn(finding)
        if suggestion := advice(self.contenders, self.settings.extend):
            self.progress.say(suggestion)
        self._judge()
        self._write(complete=True)
        return self.returns

    def _tune(self) -> None:
        """Goes through all tunings."""
        contenders = self.contenders
        for extensions in range(self.settings.extend + 1):
            self._tune_once(contenders, tuning_phase(extensions + 1))
            self._write(complete=False)
            if extensions < self.settings.extend:
                contenders = [c for c in contenders if c.extend(self.compose)]
            if not contenders:
                return

    def _tune_once(self, contenders: Sequence[TunedContender], phase: str) -> None:
        seeds, points = len(self.seeds), self.points.tolist()
        count = f"{counted(len(contenders), 'contender')}, {counted(len(points), 'trial')} each"
        self.progress.say(f"{phase}: {count}, {counted(seeds, 'seed')} a trial")
        of_phase = [f"tracking.phase={phase}", "training.test=false"]
        settings = [[c.contender.setting(point) for point in points] for c in contenders]
        jobs = [
            [*job, *of_phase]
            for contender, of_contender in zip(contenders, settings, strict=True)
            for setting in of_contender
            for job in self.plan.jobs(contender.contender, setting)
        ]
        results = iter(self._train(jobs))
        for contender, of_contender in zip(contenders, settings, strict=True):
            trials = [[next(results) for _ in self.seeds] for _ in of_contender]
            contender.add_trials(phase, of_contender, trials)

    def _judge(self) -> None:
        """Trains the chosen settings and the defaults on fresh seeds."""
        seeds = self.fresh_seeds
        tuned = [(c, c.best.setting) for c in self.contenders if c.best is not None]
        untuned = self.contenders if self.settings.untuned else []
        jobs = [c.job(setting, seed, Phase.FINAL) for (c, setting), seed in product(tuned, seeds)]
        jobs += [c.job({}, seed, Phase.UNTUNED) for c, seed in product(untuned, seeds)]
        if not jobs:
            return
        self.progress.say(
            f"final: {counted(len(tuned), 'tuned contender')} and {len(untuned)} untuned, on "
            f"{counted(len(seeds), 'fresh seed')}, {seeds[0]} to {seeds[-1]}"
        )
        results = iter(self._train(jobs))
        for contender, _ in tuned:
            contender.final = tuple(next(results) for _ in seeds)
        for contender in untuned:
            contender.untuned = tuple(next(results) for _ in seeds)

    def _train(self, jobs: list[list[str]]) -> list[Result | None]:
        returned = self.launch(jobs, self.jobs)
        self.jobs += len(jobs)
        self.returns.append(returned)
        raise_errors(returned)
        return [result_of(job_return) for job_return in returned]

    def _write(self, complete: bool) -> None:
        content = {
            "settings": asdict(self.settings),
            "complete": complete,
            "seeds": {Phase.TUNING: self.seeds, Phase.FINAL: self.fresh_seeds},
            "points": self.points.tolist(),
            "findings": findings(self.contenders),
            "contenders": [record(c, self.seeds, self.fresh_seeds) for c in self.contenders],
        }
        write(self.folder, content)
