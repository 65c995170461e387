"""What a budget of k trials would have found, for every k."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from harness.compare.statistics.budget import budget_curve
from harness.compare.tables.scores import SEED

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["budget_of"]

MOST = 100  # budgets of a curve; a picture could not show more


def budget_of(
    trials: DataFrame, contenders: Sequence[str], tasks: Sequence[str], maximize: bool
) -> DataFrame:
    """The frame `budget` of a `Comparison`, for contenders that had more than one trial.

    The score of a trial is the mean over its seeds; one that diverged from some seed has diverged.
    """
    from pandas import DataFrame, concat

    sign = 1.0 if maximize else -1.0
    scores = (sign * trials["validation"]).where(~trials["diverged"], -np.inf)
    means = scores.groupby([trials[key] for key in ("contender", "task", "setting")]).mean()
    frames = []
    for task in tasks:
        for contender in contenders:
            if (contender, task) not in means.index.droplevel(2):
                continue
            values = means.loc[contender, task].to_numpy(float)
            if len(values) < 2 or np.isnan(values).any():
                continue
            budgets = np.unique(
                np.geomspace(1, len(values), min(len(values), MOST)).round().astype(int)
            )
            k = np.arange(1, len(values) + 1) if len(values) <= MOST else budgets
            curve = budget_curve(values, np.random.default_rng(SEED), k=k)
            low, high = (curve.low, curve.high) if maximize else (-curve.high, -curve.low)
            frames.append(
                DataFrame(
                    {
                        "contender": contender,
                        "task": task,
                        "k": curve.k,
                        "expected": sign * curve.expected,
                        "low": np.where(np.isfinite(low), low, np.nan),
                        "high": np.where(np.isfinite(high), high, np.nan),
                        "none": curve.none,
                    }
                )
            )
    columns = ["contender", "task", "k", "expected", "low", "high", "none"]
    return concat(frames, ignore_index=True) if frames else DataFrame(columns=columns)
