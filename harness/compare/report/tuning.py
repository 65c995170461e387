"""What the search for settings cost, what it chose, and whether its ranges were wide enough."""

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

    Attributes:
        contender: Its name.
        task: Its name.
        settings: Number of settings tried.
        runs: Number of runs that tried them.
        diverged: How many of these diverged.
        best: The best validation score of a run.
        chosen: The setting of the scoring runs.
        how: How it was chosen.
        edges: Sentences on its values that lie at an end of the values tried.
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
            trials = _rows_of(comparison.trials, name, task)
            if trials.empty:
                continue
            scoring = _rows_of(comparison.outcomes, name, task)
            chosen = scoring["setting"].iloc[0] if len(scoring) else ""
            scores = trials["validation"].dropna().astype(float)
            best = scores.max() if comparison.question.maximize else scores.min()
            rows.append(
                Tuned(
                    contender=name,
                    task=task,
                    settings=trials["setting"].nunique(),
                    runs=len(trials),
                    diverged=int(trials["diverged"].astype(bool).sum()),
                    best=float(best) if len(scores) else math.nan,
                    chosen=str(chosen),
                    how=str(scoring["chosen"].iloc[0]) if len(scoring) else "",
                    edges=_edges(trials, chosen),
                )
            )
    return rows


def _rows_of(frame: DataFrame, contender: str, task: str) -> DataFrame:
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
