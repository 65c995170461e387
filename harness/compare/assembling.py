"""Puts a comparison together: evidence, choice, outcomes, statistics, findings."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np

from harness.compare.caveats import caveats_of, is_paired
from harness.compare.comparison import Comparison
from harness.compare.fairness import check_fairness
from harness.compare.loaded_runs import UNTUNED_SUFFIX, LoadedRuns
from harness.compare.outcomes import curves_of, outcomes_of, targets_of
from harness.compare.provenance import provenance_of
from harness.compare.question import Question
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
    """The comparison of the runs that were read.

    target: the validation score of the time to target, for all tasks or by task. allow: what may be
    unequal, see `fairness.py`. Raises ConfigurationError for a comparison that would not be fair.
    """
    question_asked = loaded.question
    trials = trials_of(loaded)
    chosen = chosen_settings(trials, question_asked.maximize, final_settings(loaded.runs))
    scoring = scoring_runs(loaded, chosen)
    unequal = check_fairness(allow, loaded, chosen, scoring)
    curves = curves_of(loaded, scoring)
    targets = targets_of(scoring, question_asked.maximize, target)
    question = Question(
        question_asked.by,
        question_asked.metric,
        question_asked.tasks,
        targets,
        "" if target is None else str(target),
    )
    outcomes = outcomes_of(loaded, scoring, curves, targets)
    contenders = _best_first(outcomes, question_asked.maximize)
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
        budget=budget_of(trials, contenders, tasks, question.maximize),
        profiles=profiles_of(outcomes, times, contenders, tasks),
        benchmark=benchmark_of(times, contenders, tasks),
        ranks=ranks_of(outcomes, contenders, tasks, question.maximize),
        interaction=interaction_of(loaded, outcomes),
    )


def _in_order(frame: DataFrame, contenders: Sequence[str], tasks: Sequence[str]) -> DataFrame:
    """Rows by task and contender, and as they were within them."""
    places = {name: place for names in (contenders, tasks) for place, name in enumerate(names)}
    return frame.sort_values(
        ["task", "contender"], key=lambda names: names.map(places), kind="stable", ignore_index=True
    )


def _best_first(outcomes: DataFrame, maximize: bool) -> tuple[str, ...]:
    """The contenders by their mean rank over the tasks, of their median scores; a tuned one stands
    before the same at its defaults where they are level."""
    part = judged_by(outcomes)
    sign = 1.0 if maximize else -1.0
    scores = (sign * outcomes[part]).where(~outcomes["diverged"], -np.inf)
    medians = scores.groupby([outcomes["contender"], outcomes["task"]]).quantile(
        0.5, interpolation="lower"
    )
    ranks = medians.groupby("task").rank(ascending=False).groupby("contender").mean()
    order = sorted(ranks.index, key=lambda name: (ranks[name], name.endswith(UNTUNED_SUFFIX), name))
    return tuple(order)
