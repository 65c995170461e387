"""Mean ranks over tasks and seeds, for three contenders or more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from harness.compare.statistics.ranks import rank_contenders
from harness.compare.tables.scores import judged_by, scores_of

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["ranks_of"]


def ranks_of(
    outcomes: DataFrame, contenders: Sequence[str], tasks: Sequence[str], maximize: bool
) -> DataFrame:
    """The frame `ranks` of a `Comparison`; empty where not all contenders have all tasks and seeds."""
    from pandas import DataFrame

    scores = scores_of(outcomes, judged_by(outcomes), maximize)
    samples = [scores.sample(name, tasks) for name in contenders]
    complete = [sample for sample in samples if sample is not None]
    empty = DataFrame(columns=["contender", "rank", "critical", "p_friedman"])
    if len(contenders) < 3 or len(complete) < len(contenders):
        return empty
    seeds = [scores.seeds_of(name, tasks) for name in contenders]
    if any(own != seeds[0] for own in seeds) or any(len(set(s)) < len(s) for s in seeds[0]):
        return empty
    ranking = rank_contenders(np.column_stack([np.concatenate(sample) for sample in complete]))
    return DataFrame(
        {
            "contender": list(contenders),
            "rank": ranking.ranks,
            "critical": ranking.critical,
            "p_friedman": ranking.p,
        }
    )
