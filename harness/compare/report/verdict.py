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

if TYPE_CHECKING:
    from harness.compare.comparison import Comparison

__all__ = ["metric_name", "question_sentence", "verdict", "verdicts"]


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
    sentences = verdicts(comparison)
    return next(iter(sentences.values()), "There are no runs to compare.")


def verdicts(comparison: Comparison) -> dict[str, str]:
    """A sentence for each task; the sentence for all tasks together comes first."""
    return {task: _sentence(comparison, task) for task in task_groups(comparison)}


def _sentence(comparison: Comparison, task: str) -> str:
    where = "on all tasks together" if task == ALL and ALL not in comparison.tasks else f"on {task}"
    part = f"{judged_by(comparison)} {metric_name(comparison)}"
    best = best_of(comparison, task)
    if best is None:
        return f"No contender has a score {where}: every run diverged or failed."
    rows = {row.contender: row for row in standings(comparison, task)}
    diverged = rows[best].diverged
    note = f" {diverged} of {rows[best].runs} runs of {quoted(best)} diverged." if diverged else ""
    pairs = [pair.of(best) for pair in pairings(comparison, task) if best in (pair.a, pair.b)]
    if not pairs:
        estimate = interval(getattr(rows[best], judged_by(comparison)))
        return (
            f"{quoted(best)} has {estimate} {part} {where}, and nothing to be compared with.{note}"
        )
    beaten = [pair for pair in pairs if pair.significant and not pair.improvement.value < 0.5]
    level = [pair for pair in pairs if pair not in beaten]
    return _compared(best, beaten, level, where, part) + note


def _compared(best: str, beaten: list[Pairing], level: list[Pairing], where: str, part: str) -> str:
    if level:
        nearest = min(level, key=_lead)
        names = enumeration([pair.b for pair in level])
        if not beaten and len(level) == 1:
            start = f"{quoted(best)} and {names} cannot be told apart {where}"
        else:
            start = f"{quoted(best)} is ahead {where}, but cannot be told apart from {names}"
        also = f"; it beats {enumeration([pair.b for pair in beaten])}" if beaten else ""
        return f"{start}: {_support(nearest, part, one=len(level) == 1)}{also}."
    nearest = min(beaten, key=_lead)
    names = enumeration([pair.b for pair in beaten])
    return f"{quoted(best)} beats {names} {where}: {_support(nearest, part, one=len(beaten) == 1)}."


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
