"""Puts a comparison together: loaded runs, chosen settings, outcomes, statistics, caveats."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from harness.compare.caveats import caveats_of, is_paired
from harness.compare.comparison import Comparison
from harness.compare.fairness import check_fairness
from harness.compare.loaded_runs import UNTUNED_SUFFIX, LoadedRuns
from harness.compare.outcomes import curves_of, outcomes_of, targets_of
from harness.compare.provenance import provenance_of
from harness.compare.tables.budget import budget_of
from harness.compare.tables.interaction import interaction_of
from harness.compare.tables.pairs import pairs_of
from harness.compare.tables.profiles import benchmark_of, profiles_of
from harness.compare.tables.ranks import ranks_of
from harness.compare.tables.scores import judged_by
from harness.compare.tables.summary import summary_of
from harness.compare.tables.times import times_of
from harness.compare.trials import (
    chosen_settings,
    edge_caveats,
    final_settings,
    last_round,
    scoring_runs,
    trials_of,
)

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["compare_runs"]


def compare_runs(
    loaded: LoadedRuns,
    target: float | dict[str, float] | None = None,
    allow: Collection[str] = (),
) -> Comparison:
    """The comparison of the runs that were loaded.

    Args:
        loaded: The runs, with the question.
        target: The validation score of the time to target, for all tasks or by task; if None the one
            that half of the scoring runs reach.
        allow: What may be unequal, see `fairness.py`.

    Raises:
        ConfigurationError: The comparison would not be fair.
    """
    question = loaded.question
    trials = trials_of(loaded)
    chosen = chosen_settings(
        trials, question.maximize, final_settings(loaded.runs), loaded.runs["loss"]
    )
    scoring = scoring_runs(loaded, chosen)
    unequal = check_fairness(allow, loaded, chosen, scoring)
    curves = curves_of(loaded, scoring)
    targets = targets_of(scoring, question.maximize, target)
    question = replace(question, targets=targets, requested="" if target is None else str(target))
    outcomes = outcomes_of(loaded, scoring, curves, targets)
    contenders = _best_first(outcomes, question.maximize)
    tasks = tuple(sorted(outcomes["task"].unique()))
    outcomes = _in_order(outcomes, contenders, tasks)
    times = times_of(outcomes, contenders, tasks, targets)
    at_edges = edge_caveats(trials, chosen, loaded.varied)
    pairs = pairs_of(outcomes, contenders, tasks, question.maximize)
    return Comparison(
        question=question,
        contenders=contenders,
        tasks=tasks,
        paired=is_paired(scoring),
        caveats=(*unequal, *caveats_of(loaded, chosen, scoring, at_edges, pairs)),
        provenance=provenance_of(loaded, scoring),
        outcomes=outcomes,
        trials=_in_order(trials.reset_index(names="run_id"), contenders, tasks),
        curves=_in_order(curves, contenders, tasks),
        summary=summary_of(outcomes, contenders, tasks, question),
        times=times,
        pairs=pairs,
        budget=budget_of(last_round(trials, loaded.runs), contenders, tasks, question.maximize),
        profiles=profiles_of(outcomes, times, contenders, tasks),
        benchmark=benchmark_of(times, contenders, tasks),
        ranks=ranks_of(outcomes, contenders, tasks, question.maximize),
        interaction=interaction_of(loaded, outcomes),
    )


def _in_order(frame: DataFrame, contenders: Sequence[str], tasks: Sequence[str]) -> DataFrame:
    """The rows sorted by task and contender; their order within a contender stays."""
    ranks = {name: rank for names in (contenders, tasks) for rank, name in enumerate(names)}
    return frame.sort_values(
        ["task", "contender"], key=lambda names: names.map(ranks), kind="stable", ignore_index=True
    )


def _best_first(outcomes: DataFrame, maximize: bool) -> tuple[str, ...]:
    """The contenders by the mean over tasks of the rank of their median score. At equal ranks a tuned
    contender stands before the same one at its defaults."""
    part = judged_by(outcomes)
    sign = 1.0 if maximize else -1.0
    scores = (sign * outcomes[part]).where(~outcomes["diverged"], -np.inf)
    medians = scores.groupby([outcomes["contender"], outcomes["task"]]).quantile(
        0.5, interpolation="lower"
    )
    ranks = medians.groupby("task").rank(ascending=False).groupby("contender").mean()
    order = sorted(ranks.index, key=lambda name: (ranks[name], name.endswith(UNTUNED_SUFFIX), name))
    return tuple(order)
