"""Two factors: the mean of each pair of levels, and whether one factor depends on the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.compare.factors import labels
from harness.compare.loaded_runs import UNTUNED_SUFFIX, LoadedRuns
from harness.compare.statistics.bootstrap import independently, jointly
from harness.compare.statistics.interaction import (
    interaction,
    interaction_test,
    paired_interaction_test,
)
from harness.compare.tables.scores import SEED, judged_by, scores_of

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["interaction_of"]

COLUMNS = ["row", "column", "part", "mean", "runs", "diverged", "effect", "low", "high", "p"]


def interaction_of(loaded: LoadedRuns, outcomes: DataFrame) -> DataFrame:
    """The frame `interaction` of a `Comparison`, without the contenders at their defaults."""
    from pandas import DataFrame

    by = loaded.question.by
    if len(by) != 2:
        return DataFrame(columns=COLUMNS)
    part, maximize = judged_by(outcomes), loaded.question.maximize
    tuned = outcomes[~outcomes["contender"].str.endswith(UNTUNED_SUFFIX)]
    params = loaded.params.loc[tuned["run_id"]]
    first, second = (labels(params, [key]).to_numpy() for key in by)
    levels = dict(zip(tuned["contender"], zip(first, second, strict=True), strict=True))
    names = {pair: contender for contender, pair in levels.items()}
    rows, columns = (sorted(set(level)) for level in zip(*levels.values(), strict=True))
    if len(rows) < 2 or len(columns) < 2:
        return DataFrame(columns=COLUMNS)

    scores = scores_of(tuned, part, maximize)
    tasks = sorted(tuned["task"].unique())
    nothing = np.empty(0)
    table = [
        [[scores.scores.get((names.get((r, c), ""), t), nothing) for t in tasks] for c in columns]
        for r in rows
    ]
    cells = [(name, t) for name in levels for t in tasks]
    seeds = {t: {tuple(scores.seeds.get((n, t), ())) for n, at in cells if at == t} for t in tasks}
    complete = len(levels) == len(rows) * len(columns)
    paired = complete and all(len(seeds_of_cells) == 1 for seeds_of_cells in seeds.values())
    result = interaction(table, jointly if paired else independently, np.random.default_rng(SEED))
    test = paired_interaction_test if paired else interaction_test
    p = test(table).p if complete else np.nan
    means, effects, low, high = result.means, result.effects, result.low, result.high
    if not maximize:  # 0 − x: −0.0 would show its sign
        means, effects, low, high = 0.0 - means, 0.0 - effects, 0.0 - high, 0.0 - low
    return DataFrame(
        [
            {
                "row": r,
                "column": c,
                "part": part,
                "mean": means[i, j],
                "runs": int(result.runs[i, j]),
                "diverged": int(result.diverged[i, j]),
                "effect": effects[i, j],
                "low": low[i, j],
                "high": high[i, j],
                "p": p,
            }
            for i, r in enumerate(rows)
            for j, c in enumerate(columns)
        ],
        columns=COLUMNS,
    )
