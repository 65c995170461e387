"""The typed rows that every report shows: how each contender did, and how each pair compares."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.compare.report.wording import Estimate
from harness.compare.statistics.holm import LEVEL
from harness.compare.tables.scores import ALL

if TYPE_CHECKING:
    from harness.compare.comparison import Comparison

__all__ = [
    "ALL",
    "Pairing",
    "Standing",
    "best_of",
    "judged_by",
    "level_with",
    "pairings",
    "standings",
    "task_groups",
]


ROUNDING = 1e-12  # of a mean of wins, each of which is 0, 1/2 or 1


@dataclass(frozen=True)
class Standing:
    """A contender on a task.

    Attributes:
        contender: Its name.
        runs: Number of its runs.
        diverged: How many of them diverged.
        validation: Interquartile mean of the validation scores.
        test: Interquartile mean of the test scores.
        reached: Share of the runs that reached the target.
        steps: Median number of steps to the target; inf if fewer than half of the runs reached it.
        seconds: Median time to the target, likewise; NaN where no run trained alone.
        best: Whether it is ahead on the task, or level with who is.
    """

    contender: str
    runs: int
    diverged: int
    validation: Estimate
    test: Estimate
    reached: float
    steps: float
    seconds: float
    best: bool


@dataclass(frozen=True)
class Pairing:
    """a against b on a task.

    Attributes:
        a: A contender.
        b: Another one.
        part: The part that was scored, "test" or "validation".
        seeds: Number of seeds.
        difference: Difference of the means, a − b.
        improvement: Probability of improvement, P(a is better than b).
        p: p-value of the test.
        p_holm: The p-value corrected for all pairs on all tasks.
        test: Name of the test.
        direction: 1 where a is better by the test, −1 where b is, 0 where neither is.
    """

    a: str
    b: str
    part: str
    seeds: int
    difference: Estimate
    improvement: Estimate
    p: float
    p_holm: float
    test: str
    direction: int

    @property
    def significant(self) -> bool:
        """Whether the difference is significant at 5 %, corrected for all pairs on all tasks."""
        return self.p_holm < LEVEL

    @property
    def leader(self) -> int:
        """1 where a run of a is better than one of b more often than not, −1 the other way, else 0."""
        away = self.improvement.value - 0.5
        return 0 if math.isnan(away) or abs(away) < ROUNDING else int(math.copysign(1, away))

    @property
    def level(self) -> bool:
        """Whether neither of the two is ahead, by any measure that a verdict goes by."""
        return self.leader == self.direction == 0 and not abs(self.difference.value) > ROUNDING

    def of(self, contender: str) -> Pairing:
        """The same pair with this contender as a."""
        if contender == self.a:
            return self
        d, i = self.difference, self.improvement
        return Pairing(
            self.b,
            self.a,
            self.part,
            self.seeds,
            Estimate(-d.value, -d.high, -d.low),
            Estimate(1 - i.value, 1 - i.high, 1 - i.low),
            self.p,
            self.p_holm,
            self.test,
            -self.direction,
        )


def task_groups(comparison: Comparison) -> list[str]:
    """The tasks that have tables: first all together, if there are several, then each."""
    scored = set(comparison.summary["task"])
    together = [ALL] if len(comparison.tasks) > 1 else []
    return [task for task in (*together, *comparison.tasks) if task in scored]


def standings(comparison: Comparison, task: str) -> list[Standing]:
    """A row for each contender that ran on the task, in the order of the contenders."""
    summary = comparison.summary[comparison.summary["task"] == task]
    parts = {(row["contender"], row["part"]): row for row in summary.to_dict("records")}
    times_of_task = comparison.times[comparison.times["task"] == task]
    times = {row["contender"]: row for row in times_of_task.to_dict("records")}
    best = best_of(comparison, task)
    ahead = {best, *(level_with(comparison, task, best) if best else ())}
    rows = []
    for name in comparison.contenders:
        validation, test = parts.get((name, "validation"), {}), parts.get((name, "test"), {})
        runs = validation or test
        if not runs:
            continue
        time = times.get(name, {})
        rows.append(
            Standing(
                contender=name,
                runs=int(runs["runs"]),
                diverged=round(runs["diverged"] * runs["runs"]),
                validation=_estimate(validation),
                test=_estimate(test),
                reached=_number(time, "reached"),
                steps=_number(time, "steps"),
                seconds=_number(time, "seconds"),
                best=name in ahead,
            )
        )
    return rows


def pairings(comparison: Comparison, task: str) -> list[Pairing]:
    """A row for each pair on the task."""
    return [
        Pairing(
            row["a"],
            row["b"],
            row["part"],
            int(row["seeds"]),
            Estimate(row["difference"], row["low"], row["high"]),
            Estimate(row["improvement"], row["improvement_low"], row["improvement_high"]),
            row["p"],
            row["p_holm"],
            row["test"],
            int(row["direction"]),
        )
        for row in comparison.pairs[comparison.pairs["task"] == task].to_dict("records")
    ]


def judged_by(comparison: Comparison) -> str:
    """The part that the verdict rests on: "test", or "validation" where no test part was read."""
    tested = comparison.summary["part"] == "test"
    return "test" if comparison.summary.loc[tested, "iqm"].notna().any() else "validation"


def best_of(comparison: Comparison, task: str) -> str | None:
    """The contender that is ahead on a task; None where nobody has a score.

    It is better than most others with a probability above 1/2, which counts diverged runs. Of equals it
    has the better interquartile mean.
    """
    summary = comparison.summary
    rows = summary[(summary["task"] == task) & (summary["part"] == judged_by(comparison))]
    sign = 1 if comparison.question.maximize else -1
    scores = {
        row["contender"]: sign * row["iqm"]
        for row in rows.to_dict("records")
        if math.isfinite(row["iqm"])
    }
    wins = dict.fromkeys(scores, 0)
    for pair in pairings(comparison, task):
        winner = {1: pair.a, -1: pair.b}.get(pair.leader)
        if winner in wins:
            wins[winner] += 1
    return max(scores, key=lambda name: (wins[name], scores[name]), default=None)


def level_with(comparison: Comparison, task: str, contender: str) -> list[str]:
    """The contenders that are exactly level with one on a task."""
    pairs = [p.of(contender) for p in pairings(comparison, task) if contender in (p.a, p.b)]
    return [pair.b for pair in pairs if pair.level]


def _estimate(row: dict[str, float]) -> Estimate:
    return Estimate(*(_number(row, name) for name in ("iqm", "iqm_low", "iqm_high")))


def _number(row: dict[str, float], name: str) -> float:
    return float(row.get(name, math.nan))
