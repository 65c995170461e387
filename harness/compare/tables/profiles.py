"""Performance profiles and benchmark scores, from the steps to the target.

They count steps, which every run has; seconds exist only for runs that were trained alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from harness.compare.statistics.profiles import (
    benchmark_score,
    performance_profile,
    performance_ratios,
)

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["benchmark_of", "profiles_of"]


def profiles_of(
    outcomes: DataFrame, times: DataFrame, contenders: Sequence[str], tasks: Sequence[str]
) -> DataFrame:
    """The frame `profiles` of a `Comparison`.

    Workloads are the tasks, each with a contender's median steps; for a single task, its seeds.
    """
    from pandas import DataFrame

    several = len(tasks) > 1
    workloads = (
        times.rename(columns={"task": "workload"})
        if several
        else outcomes.assign(workload=outcomes["seed"])
    )
    table = _table(workloads, contenders)
    if table is None:
        return DataFrame(columns=["contender", "tau", "share"])
    ratios = performance_ratios(table)
    tau = np.unique(np.append(ratios[np.isfinite(ratios)], 1.0))
    shares = performance_profile(ratios, tau)
    return DataFrame(
        {
            "contender": np.repeat(list(contenders), len(tau)),
            "tau": np.tile(tau, len(contenders)),
            "share": shares.ravel(),
        }
    )


def benchmark_of(times: DataFrame, contenders: Sequence[str], tasks: Sequence[str]) -> DataFrame:
    """The frame `benchmark` of a `Comparison`."""
    from pandas import DataFrame

    table = _table(times.rename(columns={"task": "workload"}), contenders)
    if len(tasks) < 2 or table is None:
        return DataFrame(columns=["contender", "score"])
    scores = benchmark_score(performance_ratios(table))
    return DataFrame({"contender": list(contenders), "score": scores})


def _table(rows: DataFrame, contenders: Sequence[str]) -> np.ndarray | None:
    """Steps by contender and workload; None where a contender lacks a workload, or has one twice."""
    steps = rows[["contender", "workload", "steps"]]
    if steps.empty or steps.duplicated(["contender", "workload"]).any():
        return None
    wide = steps.pivot(index="contender", columns="workload", values="steps")
    table = wide.reindex(list(contenders)).to_numpy(float)
    return None if np.isnan(table).any() else table
