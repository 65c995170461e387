"""When the contenders reached the target: medians over all runs, also those that never did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["UNITS", "median_time", "times_of"]

UNITS = ("steps", "samples", "seconds")


def times_of(
    outcomes: DataFrame,
    contenders: Sequence[str],
    tasks: Sequence[str],
    targets: Mapping[str, float],
) -> DataFrame:
    """The frame `times` of a `Comparison`."""
    from pandas import DataFrame

    rows = []
    groups = dict(list(outcomes.groupby(["contender", "task"])))
    for task in tasks:
        for contender in contenders:
            runs = groups.get((contender, task))
            if runs is None or task not in targets:
                continue
            rows.append(
                {
                    "contender": contender,
                    "task": task,
                    "target": targets[task],
                    "reached": float(np.isfinite(runs["steps"]).mean()),
                    **{unit: median_time(runs[unit].to_numpy(float)) for unit in UNITS},
                }
            )
    return DataFrame(rows, columns=["contender", "task", "target", "reached", *UNITS])


def median_time(times: np.ndarray) -> float:
    """The time within which at least half of the runs reach the target; inf where fewer ever do.

    Of an even number of runs the earlier of the two middle times is taken: their mean would be infinite
    where one is. Runs whose time is not their own (NaN) are left out; NaN where none is left.

    >>> median_time(np.array([3.0, 1.0, np.inf])), median_time(np.array([1.0, np.inf, np.nan]))
    (3.0, 1.0)
    """
    finished = np.sort(times[~np.isnan(times)])
    return float(finished[(len(finished) - 1) // 2]) if finished.size else np.nan
