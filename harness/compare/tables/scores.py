"""Outcomes as statistics take them: an array for each task, higher is better, −inf if a run diverged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.training.records import Status

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["ALL", "PARTS", "SEED", "Scores", "judged_by", "scores_of"]

ALL = "all"  # all tasks together
PARTS = ("validation", "test")
SEED = 0  # of the generator of the bootstrap: the same runs give the same intervals


@dataclass(frozen=True)
class Scores:
    """Scores of contenders on tasks.

    Attributes:
        scores: Scores by contender and task, (runs,), in order of the seeds.
        seeds: Seeds of the same runs, (runs,).
    """

    scores: dict[tuple[str, str], np.ndarray]
    seeds: dict[tuple[str, str], np.ndarray]

    def sample(self, contender: str, tasks: Sequence[str]) -> list[np.ndarray] | None:
        """The scores on each task; None where the contender has no runs on one of them."""
        if any((contender, task) not in self.scores for task in tasks):
            return None
        return [self.scores[contender, task] for task in tasks]

    def seeds_of(self, contender: str, tasks: Sequence[str]) -> list[tuple[int, ...]]:
        """The seeds on each task."""
        return [tuple(self.seeds[contender, task].tolist()) for task in tasks]


def scores_of(outcomes: DataFrame, part: str, maximize: bool) -> Scores:
    """The scores of a part. A run that converged without a score on it is left out.

    So is a contender on a task where successive halving dropped one of its runs: halving kept the
    others for their scores.
    """
    sign = 1.0 if maximize else -1.0
    places = [outcomes[key] for key in ("contender", "task")]
    kept = ~(outcomes["status"] == Status.DROPPED).groupby(places).transform("any")
    scored = outcomes[kept & (outcomes[part].notna() | outcomes["diverged"])].sort_values("seed")
    values = (sign * scored[part]).where(~scored["diverged"], -np.inf)
    scores, seeds = {}, {}
    for (contender, task), rows in values.groupby([scored["contender"], scored["task"]]):
        scores[contender, task] = rows.to_numpy(float)
        seeds[contender, task] = scored.loc[rows.index, "seed"].to_numpy()
    return Scores(scores, seeds)


def judged_by(outcomes: DataFrame) -> str:
    """The part that a verdict rests on: "test", or "validation" where no run has a test score."""
    return "test" if outcomes["test"].notna().any() else "validation"
