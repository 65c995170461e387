"""How each contender did: mean, median, interquartile mean and optimality gap, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.compare.question import Question
from harness.compare.statistics.aggregates import (
    interquartile_mean,
    mean,
    median,
    optimality_gap,
)
from harness.compare.statistics.bootstrap import independently, interval
from harness.compare.tables.scores import ALL, PARTS, SEED, scores_of

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["summary_of"]

STATISTICS = {"mean": mean, "median": median, "iqm": interquartile_mean}
GAP = "gap"


def summary_of(
    outcomes: DataFrame, contenders: Sequence[str], tasks: Sequence[str], question: Question
) -> DataFrame:
    """The frame `summary` of a `Comparison`."""
    from pandas import DataFrame

    rows = []
    for part in PARTS:
        scores = scores_of(outcomes, part, question.maximize)
        if not any(np.isfinite(values).any() for values in scores.scores.values()):
            continue
        for group in task_groups(tasks):
            for contender in contenders:
                sample = scores.sample(contender, tasks_in(group, tasks))
                if sample is not None:
                    row = {"contender": contender, "task": group, "part": part}
                    rows.append(row | _row(sample, question.maximize))
    columns = ["contender", "task", "part", "runs", "diverged"]
    columns += [f"{s}{end}" for s in (*STATISTICS, GAP) for end in ("", "_low", "_high")]
    return DataFrame(rows, columns=columns)


def task_groups(tasks: Sequence[str]) -> list[str]:
    """All tasks together, if there are several, and each task: the values of the column `task`."""
    return [ALL, *tasks] if len(tasks) > 1 else list(tasks)


def tasks_in(group: str, tasks: Sequence[str]) -> Sequence[str]:
    """The tasks of a group: a value of the column `task`."""
    return tasks if group == ALL and len(tasks) > 1 else (group,)


def _row(sample: list[np.ndarray], maximize: bool) -> dict[str, Any]:
    scores = np.concatenate(sample)
    row: dict[str, Any] = {"runs": len(scores), "diverged": float(np.mean(~np.isfinite(scores)))}
    for name, statistic in STATISTICS.items():
        of_scores = interval(statistic, [sample], independently, np.random.default_rng(SEED))
        result = of_scores if maximize else of_scores.negated()
        row[name] = result.estimate
        row[f"{name}_low"], row[f"{name}_high"] = _finite(result.low), _finite(result.high)
    # A loss has no best value to fall short of
    if maximize:
        gap = interval(optimality_gap, [sample], independently, np.random.default_rng(SEED))
        row |= {GAP: gap.estimate, "gap_low": _finite(gap.low), "gap_high": _finite(gap.high)}
    return row


def _finite(end: float) -> float:
    """The end of an interval as a number; NaN if it is infinite, as diverged runs make it."""
    return end if np.isfinite(end) else np.nan
