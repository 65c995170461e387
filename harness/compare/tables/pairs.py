"""Every two contenders against each other: difference, probability of improvement, test."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.compare.statistics.bootstrap import independently, jointly
from harness.compare.statistics.differences import paired_difference, unpaired_difference
from harness.compare.statistics.holm import LEVEL, holm
from harness.compare.statistics.improvement import improvement_interval
from harness.compare.statistics.pairwise import rank_sum, signed_rank
from harness.compare.tables.scores import SEED, Scores, judged_by, scores_of
from harness.compare.tables.summary import task_groups, tasks_in

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["is_decided", "pairs_of"]

COLUMNS = ["a", "b", "task", "part", "seeds", "difference", "low", "high", "improvement"]
COLUMNS += ["improvement_low", "improvement_high", "p", "p_holm", "test", "direction"]

Samples = tuple[list[np.ndarray], list[np.ndarray]]


def pairs_of(
    outcomes: DataFrame, contenders: Sequence[str], tasks: Sequence[str], maximize: bool
) -> DataFrame:
    """The frame `pairs` of a `Comparison`.

    Two contenders are paired by the seeds that both have, provided that one of them has no other seeds.
    All p-values, of every task and of all tasks together, are corrected together: whoever reads one
    verdict reads the others as well.
    """
    from pandas import DataFrame

    part = judged_by(outcomes)
    scores = scores_of(outcomes, part, maximize)
    rows: list[dict[str, Any]] = []
    for group in task_groups(tasks):
        for a, b in combinations(contenders, 2):
            row = _row(scores, a, b, tasks_in(group, tasks), maximize)
            if row:
                rows.append({"a": a, "b": b, "task": group, "part": part, **row})
    adjusted = holm([row["p"] for row in rows])
    rows = [{**row, "p_holm": p} for row, p in zip(rows, adjusted, strict=True)]
    return DataFrame(rows, columns=COLUMNS)


def _row(
    scores: Scores, a: str, b: str, tasks: Sequence[str], maximize: bool
) -> dict[str, Any] | None:
    sample_a, sample_b = scores.sample(a, tasks), scores.sample(b, tasks)
    if sample_a is None or sample_b is None:
        return None
    paired = _paired(scores, a, b, tasks, (sample_a, sample_b))
    if paired:
        sample_a, sample_b = paired
    rng = np.random.default_rng(SEED)
    estimate = (paired_difference if paired else unpaired_difference)(sample_a, sample_b, rng)
    better = improvement_interval(
        sample_a,
        sample_b,
        jointly if paired else independently,
        np.random.default_rng(SEED),
    )
    test = (signed_rank if paired else rank_sum)(sample_a, sample_b)
    difference = estimate.interval if maximize else estimate.interval.negated()
    return {
        "seeds": min(map(len, (*sample_a, *sample_b))),
        "difference": difference.estimate,
        "low": difference.low,
        "high": difference.high,
        "improvement": better.estimate,
        "improvement_low": better.low,
        "improvement_high": better.high,
        "p": test.p,
        "test": test.test,
        "direction": test.direction,
    }


def _paired(
    scores: Scores, a: str, b: str, tasks: Sequence[str], samples: Samples
) -> Samples | None:
    """The scores of the seeds that both have, by task; None where they cannot be paired."""
    both_a, both_b = [], []
    seeds = zip(scores.seeds_of(a, tasks), scores.seeds_of(b, tasks), strict=True)
    for of_a, of_b, x, y in zip(*zip(*seeds, strict=True), *samples, strict=True):
        shared = set(of_a) & set(of_b)
        once = len(set(of_a)) == len(of_a) and len(set(of_b)) == len(of_b)
        if not once or len(shared) < min(len(of_a), len(of_b)):
            return None
        both_a.append(x[[seed in shared for seed in of_a]])
        both_b.append(y[[seed in shared for seed in of_b]])
    return both_a, both_b


def is_decided(p_holm: float, direction: int, difference: float, maximize: bool) -> bool:
    """Whether a difference of means is significant, in a test that points the same way."""
    gain = difference if maximize else -difference
    return p_holm < LEVEL and direction * gain > 0
