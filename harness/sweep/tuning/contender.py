"""A contender in a tuning protocol: the settings that were tried for it, and the best of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.configuration.settings import Run
from harness.contracts import Task
from harness.errors import ConfigurationError, HarnessError, unknown_name
from harness.evaluation.metrics import LOSS, metric_named, metric_names
from harness.search_space import Dimension
from harness.sweep.searching.contenders import Contender
from harness.sweep.searching.scoring import mean_score
from harness.sweep.tuning.edges import Edge, edges_of, extended
from harness.training.records import Result

__all__ = ["Compose", "Trial", "TunedContender", "Tuning"]

Compose = Callable[[Sequence[str]], Run]  # the run of a list of overrides, checked

HALVING = "training.halving.factor"


@dataclass(frozen=True)
class Trial:
    """A setting, and the results of its runs.

    Scores are as in `scoring.py`: higher is better, −inf where a run diverged, None where one failed.

    Attributes:
        setting: Sampled values, as texts by key.
        results: Result of the run of each seed; None where the launcher returned none.
        score: Score by the metric that settings are chosen by.
        loss: Score by the validation loss, for equal scores.
    """

    setting: dict[str, str]
    results: tuple[Result | None, ...]
    score: float | None
    loss: float | None


@dataclass(frozen=True)
class Tuning:
    """All trials of a contender in one space.

    Attributes:
        phase: Tag `phase` of their runs.
        space: Dimensions of the search space, by key of the configuration.
        trials: The trials, in order of the points.
    """

    phase: str
    space: Mapping[str, Dimension]
    trials: tuple[Trial, ...]

    @property
    def best(self) -> Trial | None:
        """The trial with the best finite score; among equals that of the lowest loss, then the first."""
        return _best(self.trials)

    @property
    def edges(self) -> list[Edge]:
        """The values of the best setting that lie on the edge of the values tried."""
        tried = [trial.setting for trial in self.trials if trial.score is not None]
        return [] if self.best is None else edges_of(self.space, tried, self.best.setting)


def _best(trials: Iterable[Trial]) -> Trial | None:
    finite = [t for t in trials if t.score is not None and math.isfinite(t.score)]
    return max(finite, key=_score_then_loss, default=None)


def _score_then_loss(trial: Trial) -> tuple[float, float]:
    assert trial.score is not None
    return trial.score, -math.inf if trial.loss is None else trial.loss


@dataclass
class TunedContender:
    """A contender, and its trials and final runs so far.

    Attributes:
        contender: Its fixed overrides, and the space of its next tuning.
        metric: Validation metric that its settings are chosen by.
        halving: Whether its runs compete by successive halving.
        tunings: Its tunings so far. The best setting of all is chosen: a tuning in a longer range has
            its points farther apart, and may miss what an earlier one found.
        final: Results of the best setting, one a fresh seed.
        untuned: Results of the defaults, one a fresh seed.
        stuck: Keys and sides at which a range could not be extended.
    """

    contender: Contender
    metric: str
    halving: bool
    tunings: list[Tuning] = field(default_factory=list)
    final: tuple[Result | None, ...] = ()
    untuned: tuple[Result | None, ...] = ()
    stuck: set[tuple[str, str]] = field(default_factory=set)

    @classmethod
    def of(cls, contender: Contender, metric: str | None, compose: Compose) -> TunedContender:
        """A contender before its first tuning.

        Args:
            contender: The contender.
            metric: Metric to choose settings by; None for that of its configuration.
            compose: Composes a run from overrides.

        Raises:
            ConfigurationError: If the contender cannot be tuned by the metric.
        """
        run = compose(contender.overrides)
        if not run.config.split.validation:
            raise ConfigurationError(
                "Settings are chosen on the validation part, and split.validation=0 leaves none. Set "
                "split.validation above 0."
            )
        task: Task = run.config.dataset.task
        metric = _metric(metric, run.config.training.stopping.metric, task)
        return cls(contender, metric, run.config.training.halving.factor is not None)

    @property
    def maximize(self) -> bool:
        """Whether higher values of the metric are better."""
        return metric_named(self.metric).maximize

    @property
    def best(self) -> Trial | None:
        """The best trial of all tunings."""
        return _best(self.trials)

    @property
    def trials(self) -> tuple[Trial, ...]:
        """The trials of all tunings, in their order."""
        return tuple(trial for tuning in self.tunings for trial in tuning.trials)

    @property
    def edges(self) -> list[Edge]:
        """The values of the best setting that lie on the edge of the ranges of the last tuning."""
        if self.best is None:
            return []
        tried = [trial.setting for trial in self.trials if trial.score is not None]
        last = self.tunings[-1]
        return edges_of(last.space, tried, self.best.setting, points=len(last.trials))

    def add_trials(
        self,
        phase: str,
        settings: Sequence[dict[str, str]],
        results: Sequence[Sequence[Result | None]],
    ) -> None:
        """Records a tuning that is over.

        Args:
            phase: Tag `phase` of its runs.
            settings: The setting of each trial.
            results: The results of each trial, one a seed.
        """
        trials = tuple(
            Trial(
                setting,
                tuple(of_setting),
                score=mean_score(of_setting, [self.metric]),
                loss=mean_score(of_setting, [LOSS.name]),
            )
            for setting, of_setting in zip(settings, results, strict=True)
        )
        self.tunings.append(Tuning(phase, self.contender.space, trials))

    def extend(self, compose: Compose) -> bool:
        """Extends the ranges whose best value is on the edge. Returns whether there were any."""
        tuning, best = self.tunings[-1], self.best
        if best is None:
            return False

        def allows(key: str, text: str) -> bool:
            setting = {**best.setting, key: text}
            try:
                compose([*self.contender.overrides, *(f"{k}={v}" for k, v in setting.items())])
            except HarnessError:
                return False
            return True

        edges = self.edges
        space = dict(extended(tuning.space, edges, allows))
        for edge in edges:
            if getattr(space[edge.key], edge.side) == getattr(edge, edge.side):
                self.stuck.add((edge.key, edge.side))
        self.contender = replace(self.contender, space=space)
        return space != tuning.space

    def job(self, setting: Mapping[str, str], seed: int, phase: str) -> list[str]:
        """The overrides of a run after tuning: without halving, which saves epochs in tuning only."""
        sampled = [f"{key}={text}" for key, text in setting.items()]
        no_halving = [f"{HALVING}=null"] if self.halving else []
        return [
            *self.contender.overrides,
            *sampled,
            *no_halving,
            f"seed={seed}",
            f"tracking.phase={phase}",
        ]


def _metric(requested: str | None, watched: str, task: Task) -> str:
    """The metric that settings are chosen by.

    It is the requested one; else the one that early stopping watches, if that is a score of the task;
    else the task's first score, accuracy or R².
    """
    scores = metric_names(task)
    if requested is None:
        return watched if watched in scores else scores[0]
    if requested not in (LOSS.name, *scores):
        raise unknown_name(f"metric of a {task} task", requested, (LOSS.name, *scores))
    return requested
