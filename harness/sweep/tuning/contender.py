"""A contender in a tuning protocol: what was tried for it, and what is best of that."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.configuration.settings import Run
from harness.contracts import Task
from harness.errors import ConfigurationError, HarnessError, unknown_name
from harness.evaluation.metrics import higher_is_better, metric_names
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
    """A setting and the runs of it, one a seed; None for one that brought nothing back.

    score: of the metric that the choice goes by; loss: the validation loss. Both as in `scoring.py`:
    higher is better, −inf where a run diverged, None where one failed.
    """

    setting: dict[str, str]
    results: tuple[Result | None, ...]
    score: float | None
    loss: float | None


@dataclass(frozen=True)
class Tuning:
    """All trials of a contender in one space. phase: what their runs are tagged with."""

    phase: str
    space: Mapping[str, Dimension]
    trials: tuple[Trial, ...]

    @property
    def best(self) -> Trial | None:
        """The trial with the best finite score; of several, that of the lowest loss, then the first."""
        finite = [t for t in self.trials if t.score is not None and math.isfinite(t.score)]
        return max(finite, key=_merit, default=None)

    @property
    def edges(self) -> list[Edge]:
        """Where the best setting lies on the edge of what was tried."""
        tried = [trial.setting for trial in self.trials if trial.score is not None]
        return [] if self.best is None else edges_of(self.space, tried, self.best.setting)


def _merit(trial: Trial) -> tuple[float, float]:
    assert trial.score is not None
    return trial.score, -math.inf if trial.loss is None else trial.loss


@dataclass
class TunedContender:
    """A contender, with what has become of it so far.

    metric: the validation metric that its settings are chosen by. tunings: the last one counts.
    final, untuned: runs of the best setting and of the defaults, one a fresh seed. stuck: keys and
    sides at which a range could not be extended.
    """

    contender: Contender
    metric: str
    halving: bool
    tunings: list[Tuning] = field(default_factory=list)
    final: tuple[Result | None, ...] = ()
    untuned: tuple[Result | None, ...] = ()
    stuck: set[tuple[str, str]] = field(default_factory=set)

    @classmethod
    def of(cls, contender: Contender, asked: str | None, compose: Compose) -> TunedContender:
        """Raises ConfigurationError where the contender cannot be tuned by the metric asked for."""
        run = compose(contender.overrides)
        if not run.config.split.validation:
            raise ConfigurationError(
                "Settings are chosen on the validation part, and split.validation=0 leaves none. Set "
                "split.validation above 0."
            )
        task: Task = run.config.dataset.task
        metric = _metric(asked, run.config.training.stopping.metric, task)
        return cls(contender, metric, run.config.training.halving.factor is not None)

    @property
    def maximize(self) -> bool:
        """Whether more of the metric is better."""
        return higher_is_better(self.metric)

    @property
    def best(self) -> Trial | None:
        """The trial that won the tuning that counts."""
        return self.tunings[-1].best

    def take(
        self,
        phase: str,
        settings: Sequence[dict[str, str]],
        results: Sequence[Sequence[Result | None]],
    ) -> None:
        """A tuning is over. results: of each setting, one a seed."""
        trials = tuple(
            Trial(setting, tuple(own), mean_score(own, [self.metric]), mean_score(own, ["loss"]))
            for setting, own in zip(settings, results, strict=True)
        )
        self.tunings.append(Tuning(phase, self.contender.space, trials))

    def extend(self, compose: Compose) -> bool:
        """Makes ranges longer whose best value is on the edge. Returns whether there is one."""
        tuning, best = self.tunings[-1], self.best
        if best is None:
            return False

        def allows(key: str, text: str) -> bool:
            chosen = {**best.setting, key: text}
            try:
                compose([*self.contender.overrides, *(f"{k}={v}" for k, v in chosen.items())])
            except HarnessError:
                return False
            return True

        space = dict(extended(tuning.space, tuning.edges, allows))
        for edge in tuning.edges:
            if getattr(space[edge.key], edge.side) == getattr(edge, edge.side):
                self.stuck.add((edge.key, edge.side))
        self.contender = replace(self.contender, space=space)
        return space != tuning.space

    def job(self, setting: Mapping[str, str], seed: int, phase: str) -> list[str]:
        """The overrides of a run that counts. Halving saves epochs of tuning; these have their time."""
        whole = [f"{HALVING}=null"] if self.halving else []
        sampled = [f"{key}={text}" for key, text in setting.items()]
        return [
            *self.contender.overrides,
            *sampled,
            *whole,
            f"seed={seed}",
            f"tracking.phase={phase}",
        ]


def _metric(asked: str | None, watched: str, task: Task) -> str:
    """What settings are chosen by: what is asked for; else what stopping goes by, if that is a score of
    the task; else the task's first score, accuracy or R².
    """
    scores = metric_names(task)
    if asked is None:
        return watched if watched in scores else scores[0]
    if asked not in ("loss", *scores):
        raise unknown_name(f"metric of a {task} task", asked, ("loss", *scores))
    return asked
