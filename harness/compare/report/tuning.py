"""What the search for settings cost each contender, what it chose, and whether it looked far enough."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.compare.pictures.trials import hyperparameters, numbers
from harness.compare.trials import range_ends

if TYPE_CHECKING:
    from pandas import DataFrame

    from harness.compare.comparison import Comparison

__all__ = ["Tuned", "tuning"]


@dataclass(frozen=True)
class Tuned:
    """The tuning of a contender on a task.

    settings: how many were tried, in how many runs, of which diverged. best: the best validation score
    of a run. chosen: the setting of the scoring runs, how: how it was chosen. edges: the
    hyperparameters of it that lie at an end of what was tried.
    """

    contender: str
    task: str
    settings: int
    runs: int
    diverged: int
    best: float
    chosen: str
    how: str
    edges: tuple[str, ...]


def tuning(comparison: Comparison) -> list[Tuned]:
    """A row for each contender and task that has trials."""
    rows = []
    for task in comparison.tasks:
        for name in comparison.contenders:
            of = _of(comparison.trials, name, task)
            if of.empty:
                continue
            scoring = _of(comparison.outcomes, name, task)
            chosen = scoring["setting"].iloc[0] if len(scoring) else ""
            scores = of["validation"].dropna().astype(float)
            best = scores.max() if comparison.question.maximize else scores.min()
            rows.append(
                Tuned(
                    contender=name,
                    task=task,
                    settings=of["setting"].nunique(),
                    runs=len(of),
                    diverged=int(of["diverged"].astype(bool).sum()),
                    best=float(best) if len(scores) else math.nan,
                    chosen=str(chosen),
                    how=str(scoring["chosen"].iloc[0]) if len(scoring) else "",
                    edges=_edges(of, chosen),
                )
            )
    return rows


def _of(frame: DataFrame, contender: str, task: str) -> DataFrame:
    return frame[(frame["contender"] == contender) & (frame["task"] == task)]


def _edges(trials: DataFrame, chosen: str) -> tuple[str, ...]:
    sentences = []
    for key in hyperparameters(trials):
        tried = numbers(trials[key])
        if tried is None:
            continue
        for value in tried[trials["setting"] == chosen].dropna().unique():
            sentences += [
                f"{key} = {value:g} is the {end} tried" for end in range_ends(tried, value)
            ]
    return tuple(sentences)
