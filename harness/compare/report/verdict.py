"""The question in a sentence, and the answer in another."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from harness.compare.report.standings import (
    ALL,
    Pairing,
    best_of,
    judged_by,
    pairings,
    standings,
    task_groups,
)
from harness.compare.report.wording import (
    difference,
    enumeration,
    interval,
    probability,
    quoted,
    share,
)
from harness.training.records import Status

if TYPE_CHECKING:
    from harness.compare.comparison import Comparison

__all__ = ["NOTHING", "metric_name", "question_sentence", "verdict", "verdicts"]

NOTHING = "There are no runs to compare."


def metric_name(comparison: Comparison) -> str:
    """The metric as it is called in prose."""
    return comparison.question.metric.label


def question_sentence(comparison: Comparison) -> str:
    """The question in a sentence: "Which optimizer has the highest test accuracy on digits?"."""
    question = comparison.question
    what = " and ".join(key.split(".")[-1] for key in question.by)
    which = f"Which {what}" if len(question.by) == 1 else f"Which choice of {what}"
    extreme = "highest" if question.maximize else "lowest"
    where = f" on {enumeration(list(comparison.tasks))}" if comparison.tasks else ""
    return f"{which} has the {extreme} {judged_by(comparison)} {metric_name(comparison)}{where}?"


def verdict(comparison: Comparison) -> str:
    """Who is best, and whether that is significant; on all tasks together, if there are several."""
    return next(iter(verdicts(comparison).values()), NOTHING)


def verdicts(comparison: Comparison) -> dict[str, str]:
    """A sentence for each task; the sentence for all tasks together comes first."""
    groups = task_groups(comparison)
    if not groups and len(comparison.outcomes):
        groups = [ALL, *comparison.tasks] if len(comparison.tasks) > 1 else list(comparison.tasks)
    return {task: _sentence(comparison, task) for task in groups}


def _sentence(comparison: Comparison, task: str) -> str:
    together = task == ALL and ALL not in comparison.tasks
    where = "on all tasks together" if together else f"on {task}"
    part = f"{judged_by(comparison)} {metric_name(comparison)}"
    best = best_of(comparison, task)
    if best is None:
        outcomes = comparison.outcomes
        runs = outcomes if together else outcomes[outcomes["task"] == task]
        return f"No contender has a score {where}: {_endings(list(runs['status']))}."
    rows = {row.contender: row for row in standings(comparison, task)}
    diverged = rows[best].diverged
    note = f" {diverged} of {rows[best].runs} runs of {quoted(best)} diverged." if diverged else ""
    pairs = [pair.of(best) for pair in pairings(comparison, task) if best in (pair.a, pair.b)]
    if not pairs:
        estimate = interval(getattr(rows[best], judged_by(comparison)))
        return (
            f"{quoted(best)} has {estimate} {part} {where}, and nothing to be compared with.{note}"
        )
    return _compared(best, pairs, where, part) + note


def _endings(statuses: list[str]) -> str:
    """How the runs ended that have no score.

    >>> _endings(["diverged", "diverged"]), _endings(["diverged", "dropped", "finished"])
    ('every run diverged', 'of 3 runs 1 diverged and 1 was dropped')
    """
    diverged, dropped = statuses.count(Status.DIVERGED), statuses.count(Status.DROPPED)
    if not diverged + dropped:
        return "no run has a score that is a number"
    if diverged == len(statuses):
        return "every run diverged"
    counts = [f"{diverged} diverged"] if diverged else []
    counts += [f"{dropped} {'was' if dropped == 1 else 'were'} dropped"] if dropped else []
    return f"of {len(statuses)} runs {' and '.join(counts)}"


def _compared(best: str, pairs: list[Pairing], where: str, part: str) -> str:
    """The sentence on the pairs of the best.

    A win is a significant difference in which the test and the probability point the same way.
    """
    level = [pair for pair in pairs if pair.level]
    beaten = [p for p in pairs if p.significant and p.leader == p.direction == 1]
    beating = [p for p in pairs if p.significant and p.leader == p.direction == -1]
    decided = [*level, *beaten, *beating]
    contrary = [p for p in pairs if p.significant and p not in decided]
    open_ = [p for p in pairs if p not in decided and p not in contrary]
    if len(pairs) == 1 and not beaten:
        (pair,) = pairs
        two, numbers = f"{quoted(best)} and {quoted(pair.b)}", _support(pair, part, one=True)
        if contrary:
            favoured = {1: best, -1: pair.b, 0: "neither"}
            return (
                f"{two} cannot be ranked {where}, since the test favours "
                f"{quoted(favoured[pair.direction])} and the probability "
                f"{quoted(favoured[pair.leader])}: {numbers}."
            )
        return f"{two} {'are level' if level else 'cannot be told apart'} {where}: {numbers}."
    nearest = min(open_ or level or contrary or beating or beaten, key=_lead)
    numbers = _support(nearest, part, one=len(open_ or level or pairs) == 1)
    clauses = [
        (beaten, "beats {}"),
        (beating, "is beaten by {}"),
        (contrary, "cannot be ranked against {}, since test and probability disagree"),
    ]
    if len(beaten) == len(pairs):
        return f"{quoted(best)} beats {_names(beaten)} {where}: {numbers}."
    if level:
        start = f"{enumeration([best, *(pair.b for pair in level)])} are level {where}"
    else:
        start = f"{quoted(best)} {'wins most pairs' if beating else 'is ahead'} {where}"
    joined = "and" if level else "but"
    unclear = f", {joined} cannot be told apart from {_names(open_)}" if open_ else ""
    who = quoted(best) if level else "it"
    rest = "".join(f"; {who} {verb.format(_names(of))}" for of, verb in clauses if of)
    return f"{start}{unclear}: {numbers}{rest}."


def _names(pairs: list[Pairing]) -> str:
    return enumeration([pair.b for pair in pairs])


def _lead(pair: Pairing) -> tuple[float, float]:
    """How far a is ahead: the probability that it is better, then the difference of means."""
    return pair.improvement.value, abs(pair.difference.value)


def _support(pair: Pairing, part: str, *, one: bool) -> str:
    """The numbers behind a verdict: the probability and p that decide it, then the difference of means,
    which may have the other sign."""
    over = "" if one else f" over {quoted(pair.b)}"
    p = probability(pair.p_holm)
    p = p.replace("<", "p < ") if p.startswith("<") else f"p = {p}"
    p = "no test could be made" if math.isnan(pair.p_holm) else p
    better = f"better{over} with probability {share(pair.improvement)}, {p}"
    if math.isnan(pair.difference.value):
        return better
    return f"{better}; mean {part} {difference(pair.difference)}"
