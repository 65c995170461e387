"""The tuning protocol: contenders tuned alike on the validation part, then judged on fresh seeds.

    tuning        every contender at the same number of points of its own search space, each point for
                  all tuning seeds; no test metric is computed
    tuning-2, …   again as many, in longer ranges, for contenders whose best value lies on an edge (only
                  if extensions are asked for); a contender's earlier tunings then count no more
    final         the best setting of each contender, on seeds that no setting was chosen by
    untuned       the defaults of each contender, on the same seeds

Each is a batch for the launcher, the last two together are one; the tag `phase` of a run is one of these
names. The choice follows from the results alone and the points from their seed, so an interrupted
protocol goes on with `skip_finished=true`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn

from harness.errors import ConfigurationError
from harness.execution.progress import Progress, counted
from harness.sweep.searching.contenders import SearchPlan
from harness.sweep.searching.sampling import unit_points
from harness.sweep.searching.scoring import result_of
from harness.sweep.tuning.contender import Compose, TunedContender
from harness.sweep.tuning.record import TUNING, advice, findings, outcome, record, write
from harness.training.records import Result

__all__ = ["TUNING", "Settings", "tune"]

Launch = Callable[[list[list[str]], int], Sequence[JobReturn]]

FINAL, UNTUNED = "final", "untuned"


@dataclass(frozen=True)
class Settings:
    """The node `hydra.sweeper` of `hydra/sweeper=tuned`."""

    trials: int
    method: str
    seed: int
    final_seeds: int
    untuned: bool
    extend: int
    metric: str | None

    def __post_init__(self) -> None:
        least = {"trials": 2, "seed": 0, "final_seeds": 1, "extend": 0}
        for name, lowest in least.items():
            if getattr(self, name) < lowest:
                raise ConfigurationError(
                    f"'hydra.sweeper.{name}' must be {lowest} or more. Got {getattr(self, name)}."
                )


def tune(
    contest: SearchPlan, settings: Settings, compose: Compose, launch: Launch, folder: Path
) -> list[Any]:
    """Goes through the protocol. Returns what `launch` returned, batch by batch.

    launch: takes jobs and the number of the first. folder: of the sweep, where `tuning.json` is left.
    Prints what was chosen for each contender, before the final runs.

    Raises ConfigurationError before anything is trained for a contender without a validation part, an
    unknown metric or method; and what a job has raised.
    """
    return _Protocol(contest, settings, compose, launch, folder).run()


class _Protocol:
    def __init__(
        self,
        contest: SearchPlan,
        settings: Settings,
        compose: Compose,
        launch: Launch,
        folder: Path,
    ) -> None:
        self.contest, self.settings, self.folder = contest, settings, folder
        self.compose, self.launch = compose, launch
        self.entrants = [TunedContender.of(c, settings.metric, compose) for c in contest.contenders]
        dimensions = max(len(contender.space) for contender in contest.contenders)
        self.points = unit_points(settings.method, settings.trials, dimensions, settings.seed)
        defaults = contest.contenders[0].overrides
        self.seeds = [compose([*defaults, *seed]).config.seed for seed in contest.seeds]
        after = max(self.seeds) + 1
        self.fresh = list(range(after, after + settings.final_seeds))
        self.progress = Progress()
        self.returns: list[Any] = []
        self.jobs = 0

    def run(self) -> list[Any]:
        self._tune()
        for entrant in self.entrants:
            print(outcome(entrant), flush=True)
        for finding in findings(self.entrants):
            self.progress.warn(finding)
        if todo := advice(self.entrants, self.settings.extend):
            self.progress.say(todo)
        self._judge()
        self._write(complete=True)
        return self.returns

    def _tune(self) -> None:
        """All tunings."""
        entrants = self.entrants
        for extensions in range(self.settings.extend + 1):
            self._tune_once(entrants, f"tuning-{extensions + 1}" if extensions else "tuning")
            self._write(complete=False)
            if extensions < self.settings.extend:
                entrants = [entrant for entrant in entrants if entrant.extend(self.compose)]
            if not entrants:
                return

    def _tune_once(self, entrants: Sequence[TunedContender], phase: str) -> None:
        seeds = len(self.seeds)
        count = f"{counted(len(entrants), 'contender')}, {counted(len(self.points), 'trial')} each"
        self.progress.say(f"{phase}: {count}, {counted(seeds, 'seed')} a trial")
        how = [f"tracking.phase={phase}", "training.test=false"]
        tried = [[e.contender.setting(point) for point in self.points.tolist()] for e in entrants]
        jobs = [
            [*job, *how]
            for entrant, settings in zip(entrants, tried, strict=True)
            for setting in settings
            for job in self.contest.jobs(entrant.contender, setting)
        ]
        ends = iter(self._train(jobs))
        for entrant, settings in zip(entrants, tried, strict=True):
            entrant.take(phase, settings, [[next(ends) for _ in self.seeds] for _ in settings])

    def _judge(self) -> None:
        """The runs that count."""
        chosen = [(e, e.best.setting) for e in self.entrants if e.best is not None]
        defaults = self.entrants if self.settings.untuned else []
        jobs = [e.job(setting, seed, FINAL) for (e, setting), seed in product(chosen, self.fresh)]
        jobs += [e.job({}, seed, UNTUNED) for e, seed in product(defaults, self.fresh)]
        if not jobs:
            return
        self.progress.say(
            f"final: {counted(len(chosen), 'tuned contender')} and {len(defaults)} untuned, on "
            f"{counted(len(self.fresh), 'fresh seed')}, {self.fresh[0]} to {self.fresh[-1]}"
        )
        ends = iter(self._train(jobs))
        for entrant, _ in chosen:
            entrant.final = tuple(next(ends) for _ in self.fresh)
        for entrant in defaults:
            entrant.untuned = tuple(next(ends) for _ in self.fresh)

    def _train(self, jobs: list[list[str]]) -> list[Result | None]:
        returned = self.launch(jobs, self.jobs)
        self.jobs += len(jobs)
        self.returns.append(returned)
        results = [result_of(one) for one in returned]
        for one in returned:
            _ = one.return_value  # raises what a job has raised
        return results

    def _write(self, complete: bool) -> None:
        content = {
            "settings": asdict(self.settings),
            "complete": complete,
            "seeds": {"tuning": self.seeds, "final": self.fresh},
            "points": self.points.tolist(),
            "findings": findings(self.entrants),
            "contenders": [record(e, self.seeds, self.fresh) for e in self.entrants],
        }
        write(self.folder, content)
