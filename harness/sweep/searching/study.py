"""A search with Optuna: one study a contender, whole batches of trials, each trial for all seeds.

Every contender has a study of its own, so that each gets the same number of trials, whatever the
others score. The score of a trial is that of its setting, see `scoring.py`. From one of −inf the sampler
learns to keep away. A trial without a score is failed: samplers pass over it, and the next call with
this study gives its budget again.

A study is continued under its name until it has as many trials with a score as are asked for. What
the sampler draws depends on its seed and on the trials that were told before the batch, and on nothing
else: a search that was interrupted goes on with the trials that it would have had.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hydra.core.utils import JobReturn

from harness.errors import ConfigurationError
from harness.execution.progress import Progress
from harness.search_space import Choice, Dimension, Integers, Range
from harness.sweep.command_lines import program
from harness.sweep.searching.contenders import Contender, SearchPlan
from harness.sweep.searching.scoring import mean_score, result_of
from harness.sweep.searching.study_store import StudyStore, quiet, sampler_of
from harness.sweep.summary import SCORES
from harness.training.records import Result

__all__ = ["Settings", "search"]

Launch = Callable[[list[list[str]], int], Sequence[JobReturn]]

RUNS = "runs"  # attribute of a trial that was told: how each of its runs ended, by folder
FIXED = "fixed"  # attribute of a study: what its trials have in common


@dataclass(frozen=True)
class Settings:
    """The node `hydra.sweeper` of `hydra/sweeper=optuna`."""

    trials: int
    batch: int
    sampler: str
    seed: int
    study: str | None
    storage: str

    def __post_init__(self) -> None:
        for name, least in (("trials", 1), ("batch", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise ConfigurationError(
                    f"'hydra.sweeper.{name}' must be {least} or more. Got {getattr(self, name)}."
                )


def search(contest: SearchPlan, settings: Settings, name: str, launch: Launch) -> list[Any]:
    """Trains batches until each study has its trials. Returns what `launch` returned, batch by batch.

    name: of the studies, each followed by its contender's. launch: takes jobs and the number of the
    first. Prints the best setting of each contender as a command.

    Raises ConfigurationError for an unknown sampler or storage, and for a study of other settings;
    MissingDependencyError without Optuna, or without what the sampler needs.
    """
    sampler_of(settings.sampler, settings.seed)
    returns: list[Any] = []
    first, progress = 0, Progress()
    with StudyStore(settings.storage) as store:
        entrants = [_Entrant(store, name, one, contest, settings) for one in contest.contenders]
        for entrant in entrants:
            entrant.prepare()
            progress.say(entrant.state(name))
        while any(entrant.open for entrant in entrants):
            asked = [(entrant, trial) for entrant in entrants for trial in entrant.ask()]
            jobs = [entrant.jobs(trial) for entrant, trial in asked]
            returned = launch([job for trial in jobs for job in trial], first)
            first += len(returned)
            ends = iter(returned)
            for (entrant, trial), own in zip(asked, jobs, strict=True):
                entrant.tell(trial, [result_of(next(ends)) for _ in own])
            for one in returned:
                _ = one.return_value  # raises what a job has raised
            returns.append(returned)
        for entrant in entrants:
            print(entrant.best(name))
    return returns


class _Entrant:
    """A contender with its study."""

    def __init__(
        self, store: StudyStore, name: str, contender: Contender, contest: SearchPlan, to: Settings
    ) -> None:
        self.contender = contender
        self.contest = contest
        self.settings = to
        self.study = store.study(f"{name} {contender.name}")
        self.open = 0

    def prepare(self) -> None:
        """Closes what an earlier process left open, and counts what is to be done."""
        from optuna.trial import TrialState

        trials = self.study.get_trials(deepcopy=False)
        scored = sum(trial.state is TrialState.COMPLETE for trial in trials)
        self._check_fixed(scored)
        for trial in trials:
            if trial.state is TrialState.RUNNING:
                self.study.tell(trial.number, state=TrialState.FAIL)
        self.open = max(0, self.settings.trials - scored)

    def state(self, name: str) -> str:
        """How far the study is, and how to go on with it."""
        done = self.settings.trials - self.open
        return (
            f"{self.contender.name}: {done} of {self.settings.trials} trials done in study {name!r}; "
            f"go on with it at any time: hydra.sweeper.study={shlex.quote(name)}"
        )

    def _check_fixed(self, scored: int) -> None:
        """Trials of other settings cannot be compared, and a study holds none."""
        kept = [o for o in self.contender.overrides if not o.startswith(("tracking.", "skip_"))]
        kept += [override for seed in self.contest.seeds for override in seed]
        kept += [f"{key} in {dimension}" for key, dimension in self.contender.space.items()]
        before = self.study.user_attrs.get(FIXED, [])
        if scored and set(before) != set(kept):
            raise ConfigurationError(
                f"The study {self.study.study_name!r} has {scored} trials of other settings: "
                f"{', '.join(sorted(set(before) - set(kept))) or 'nothing'} there, "
                f"{', '.join(sorted(set(kept) - set(before))) or 'nothing'} here. Give this search "
                f"another name with hydra.sweeper.study=…"
            )
        self.study.set_user_attr(FIXED, sorted(kept))

    def ask(self) -> list[Any]:
        """The trials of the next batch, all drawn before any of them is trained."""
        count = min(self.open, self.settings.batch)
        if not count:
            return []
        told = sum(RUNS in trial.user_attrs for trial in self.study.get_trials(deepcopy=False))
        seed = np.random.SeedSequence([self.settings.seed, told]).generate_state(1)[0]
        self.study.sampler = sampler_of(self.settings.sampler, int(seed))
        distributions = dict(_distribution(k, d) for k, d in self.contender.space.items())
        self.open -= count
        with quiet():
            return [self.study.ask(distributions) for _ in range(count)]

    def jobs(self, trial: Any) -> list[list[str]]:
        """The overrides of the jobs of a trial."""
        return self.contest.jobs(self.contender, self._setting(trial.params))

    def _setting(self, params: dict[str, Any]) -> dict[str, str]:
        return {
            key: dimension.text(_value(key, dimension, params))
            for key, dimension in self.contender.space.items()
        }

    def tell(self, trial: Any, results: list[Result | None]) -> None:
        """How the runs of a trial ended; None where a launcher brought nothing back."""
        from optuna.trial import TrialState

        trial.set_user_attr(RUNS, {one.folder: str(one.status) for one in results if one})
        score = mean_score(results, SCORES)
        if score is None:
            self.study.tell(trial, state=TrialState.FAIL)
        else:
            self.study.tell(trial, score)

    def best(self, name: str) -> str:
        """The best setting of the study, as a command."""
        from optuna.trial import TrialState

        done = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        finite = [trial for trial in done if math.isfinite(trial.value)]
        if not finite:
            return f"{self.contender.name}: no setting with a score in study {name!r}"
        best = max(finite, key=lambda trial: trial.value)
        overrides = [f"{k}={text}" for k, text in self._setting(best.params).items()]
        seeds = ",".join(o.partition("=")[2] for seed in self.contest.seeds for o in seed)
        several = ["-m"] if len(self.contest.seeds) > 1 else []
        words = [*self.contender.overrides, *overrides, *([f"seed={seeds}"] if seeds else [])]
        command = f"{program()} {shlex.join(['train', *several, *words])}"
        return (
            f"{self.contender.name}: best validation score {best.value:.4f} of {len(done)} trials in "
            f"study {name!r}, with\n  {command}"
        )


def _distribution(key: str, dimension: Dimension) -> tuple[str, Any]:
    """A dimension in Optuna's terms, under the name it has in the study.

    Optuna knows no complement scale: its parameter is then 1 − x, on a log scale.
    """
    from optuna import distributions as optuna

    if isinstance(dimension, Choice):
        return key, optuna.CategoricalDistribution(dimension.values)
    log = dimension.scale == "log"
    if isinstance(dimension, Integers):
        return key, optuna.IntDistribution(dimension.low, dimension.high, log=log)
    if dimension.scale == "complement":
        ends = (1 - dimension.high, 1 - dimension.low)
        return f"1 - {key}", optuna.FloatDistribution(*ends, log=True)
    return key, optuna.FloatDistribution(dimension.low, dimension.high, log=log)


def _value(key: str, dimension: Dimension, params: dict[str, Any]) -> Any:
    """The value of a dimension in a trial."""
    if isinstance(dimension, Range) and dimension.scale == "complement":
        return 1 - params[f"1 - {key}"]
    return params[key]
