"""A search with Optuna: one study a contender, whole batches of trials, each trial for all seeds.

Every contender has a study of its own, so that each gets the same number of trials, independently
of the scores of the others. The score of a trial is that of its setting, see `scoring.py`. A score of
−inf teaches the sampler to keep away. A trial without a score counts as failed: samplers ignore it,
and the next search in this study tries another one instead.

A study goes on under its name until it has as many trials with a score as are asked for. What the
sampler draws depends only on its seed and on the trials that were told before the batch. So a search
that was interrupted goes on with the trials that it would have had.
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
from harness.evaluation.metrics import PRIMARY
from harness.execution.progress import Progress
from harness.search_space import Choice, Dimension, Integers, Range
from harness.sweep.command_lines import program
from harness.sweep.least_values import check_least_values
from harness.sweep.multirun import raise_errors
from harness.sweep.searching.contenders import Contender, SearchPlan
from harness.sweep.searching.scoring import mean_score, result_of
from harness.sweep.searching.study_store import StudyStore, quiet, sampler_of
from harness.training.records import Result

__all__ = ["StudySettings", "search"]

Launch = Callable[[list[list[str]], int], Sequence[JobReturn]]

RUNS = "runs"  # attribute of a trial whose score is known: status of each of its runs, by folder
FIXED = "fixed"  # attribute of a study: the fixed overrides of its trials


@dataclass(frozen=True)
class StudySettings:
    """The node `hydra.sweeper` of `hydra/sweeper=optuna`, see `OptunaSweeperConf` there."""

    trials: int
    batch: int
    sampler: str
    seed: int
    study: str | None
    storage: str

    def __post_init__(self) -> None:
        check_least_values(self, {"trials": 1, "batch": 1, "seed": 0}, "'hydra.sweeper.{}'")


def search(plan: SearchPlan, settings: StudySettings, name: str, launch: Launch) -> list[Any]:
    """Trains batches until each study has its trials. Prints the best settings as commands.

    Args:
        plan: Contenders and seeds.
        settings: How to search.
        name: Name of the search; that of a study is followed by the contender's.
        launch: Trains jobs, given their overrides and the number of the first.

    Returns:
        What `launch` returned, batch by batch.

    Raises:
        ConfigurationError: For an unknown sampler or storage, and for a study of other settings.
        MissingDependencyError: Without Optuna, or without what the sampler needs.
    """
    sampler_of(settings.sampler, settings.seed)
    returns: list[Any] = []
    first, progress = 0, Progress()
    with StudyStore(settings.storage) as store:
        studies = [
            _ContenderStudy(store, name, contender, plan.seeds, settings)
            for contender in plan.contenders
        ]
        for study in studies:
            study.prepare()
            progress.say(study.state(name))
        while any(study.missing for study in studies):
            batch = [(study, trial) for study in studies for trial in study.ask()]
            jobs = [
                plan.jobs(study.contender, study.setting(trial.params)) for study, trial in batch
            ]
            returned = launch([job for of_trial in jobs for job in of_trial], first)
            first += len(returned)
            results = map(result_of, returned)
            for (study, trial), of_trial in zip(batch, jobs, strict=True):
                study.tell(trial, [next(results) for _ in of_trial])
            raise_errors(returned)
            returns.append(returned)
        for study in studies:
            print(study.best(name))
    return returns


class _ContenderStudy:
    """The study of a contender.

    Args:
        store: Store of the studies.
        name: Name of the search.
        contender: The contender.
        seeds: Seeds that each trial is run for, as overrides.
        settings: How to search.

    Attributes:
        missing: Number of trials that have still to be asked for.
    """

    def __init__(
        self,
        store: StudyStore,
        name: str,
        contender: Contender,
        seeds: Sequence[Sequence[str]],
        settings: StudySettings,
    ) -> None:
        self.contender = contender
        self.missing = 0
        self._seeds = [override for seed in seeds for override in seed]
        self._settings = settings
        self._study = store.study(f"{name} {contender.name}")

    def prepare(self) -> None:
        """Closes trials that an earlier process left open, and counts how many are missing."""
        from optuna.trial import TrialState

        trials = self._study.get_trials(deepcopy=False)
        scored = sum(trial.state is TrialState.COMPLETE for trial in trials)
        self._check_fixed(scored)
        for trial in trials:
            if trial.state is TrialState.RUNNING:
                self._study.tell(trial.number, state=TrialState.FAIL)
        self.missing = max(0, self._settings.trials - scored)

    def state(self, name: str) -> str:
        """A sentence: how far the study is, and how to go on with it."""
        done = self._settings.trials - self.missing
        return (
            f"{self.contender.name}: {done} of {self._settings.trials} trials done in study {name!r}; "
            f"go on with it at any time: hydra.sweeper.study={shlex.quote(name)}"
        )

    def _check_fixed(self, scored: int) -> None:
        """Raises ConfigurationError if the study has trials of other settings: they do not compare."""
        no_setting = ("tracking.", "skip_")
        here = {o for o in self.contender.overrides if not o.startswith(no_setting)}
        here |= set(self._seeds)
        here |= {f"{key} in {dimension}" for key, dimension in self.contender.space.items()}
        there = set(self._study.user_attrs.get(FIXED, []))
        if scored and here != there:
            raise ConfigurationError(
                f"The study {self._study.study_name!r} has {scored} trials of other settings: "
                f"{', '.join(sorted(there - here)) or 'nothing'} there, "
                f"{', '.join(sorted(here - there)) or 'nothing'} here. Give this search "
                f"another name with hydra.sweeper.study=…"
            )
        self._study.set_user_attr(FIXED, sorted(here))

    def ask(self) -> list[Any]:
        """The trials of the next batch, all drawn before any of them is trained."""
        count = min(self.missing, self._settings.batch)
        if not count:
            return []
        told = sum(RUNS in trial.user_attrs for trial in self._study.get_trials(deepcopy=False))
        seed = np.random.SeedSequence([self._settings.seed, told]).generate_state(1)[0]
        self._study.sampler = sampler_of(self._settings.sampler, int(seed))
        distributions = dict(_distribution(k, d) for k, d in self.contender.space.items())
        self.missing -= count
        with quiet():
            return [self._study.ask(distributions) for _ in range(count)]

    def setting(self, params: dict[str, Any]) -> dict[str, str]:
        """The values of a trial with these parameters, as texts by key."""
        return {
            key: dimension.text(_value(key, dimension, params))
            for key, dimension in self.contender.space.items()
        }

    def tell(self, trial: Any, results: list[Result | None]) -> None:
        """Tells Optuna the score of a trial.

        Args:
            trial: The trial.
            results: Result of the run of each seed; None where there is none.
        """
        from optuna.trial import TrialState

        statuses = {result.folder: str(result.status) for result in results if result}
        trial.set_user_attr(RUNS, statuses)
        score = mean_score(results, [metric.name for metric in PRIMARY])
        if score is None:
            self._study.tell(trial, state=TrialState.FAIL)
        else:
            self._study.tell(trial, score)

    def best(self, name: str) -> str:
        """A sentence with the best setting of the study, as a command."""
        from optuna.trial import TrialState

        done = self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        finite = [trial for trial in done if math.isfinite(trial.value)]
        if not finite:
            return f"{self.contender.name}: no setting with a score in study {name!r}"
        best = max(finite, key=lambda trial: trial.value)
        overrides = [f"{k}={text}" for k, text in self.setting(best.params).items()]
        seeds = ",".join(override.partition("=")[2] for override in self._seeds)
        multirun = ["-m"] if len(self._seeds) > 1 else []
        words = [*self.contender.overrides, *overrides, *([f"seed={seeds}"] if seeds else [])]
        command = f"{program()} {shlex.join(['train', *multirun, *words])}"
        return (
            f"{self.contender.name}: best validation score {best.value:z.4f} of {len(done)} trials in "
            f"study {name!r}, with\n  {command}"
        )


def _distribution(key: str, dimension: Dimension) -> tuple[str, Any]:
    """The name of a dimension in the study, and the dimension in Optuna's terms.

    Optuna has no complement scale: the parameter is then 1 − x, on a log scale.
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
    """The value of a dimension in a trial with these parameters."""
    if isinstance(dimension, Range) and dimension.scale == "complement":
        return 1 - params[f"1 - {key}"]
    return params[key]
