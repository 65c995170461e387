"""The tables of a report, as texts with keys to sort by; terminal and page show the same tables."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from harness.compare.report.standings import ALL, Standing, judged_by, pairings, standings
from harness.compare.report.tuning import tuning
from harness.compare.report.verdict import metric_name
from harness.compare.report.wording import (
    MISSING,
    Estimate,
    difference,
    interval,
    probability,
    score,
    share,
    time,
)
from harness.compare.tables.pairs import is_decided

if TYPE_CHECKING:
    from harness.compare.comparison import Comparison

__all__ = [
    "Bar",
    "Cell",
    "Table",
    "pairs_table",
    "runs_table",
    "standings_table",
    "trials_table",
    "tuning_table",
]


class Bar(NamedTuple):
    """An interval on the scale of its column, from 0 to 1."""

    low: float
    value: float
    high: float


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: What is shown.
        key: What the column is sorted by; None where there is no value.
        strong: Whether it is bold.
        contender: The contender whose name the cell is, if it is one.
        bar: The interval that is drawn in it.
    """

    text: str
    key: float | str | None = None
    strong: bool = False
    contender: str | None = None
    bar: Bar | None = None


@dataclass(frozen=True)
class Table:
    """A table of a report.

    Attributes:
        title: What it is about.
        columns: Their headings.
        numeric: Numbers of the columns that hold numbers, from 0.
        rows: A cell for each column.
    """

    title: str
    columns: tuple[str, ...]
    numeric: frozenset[int]
    rows: tuple[tuple[Cell, ...], ...]


def standings_table(comparison: Comparison, task: str) -> Table:
    """How each contender did on a task, or on all."""
    metric = metric_name(comparison)
    rows = standings(comparison, task)
    columns = [_contender(comparison), "runs", "diverged", f"validation {metric}", f"test {metric}"]
    timed = any(not math.isnan(row.reached) for row in rows)
    seconds = any(not math.isnan(row.seconds) for row in rows)
    target = comparison.question.targets.get(task)
    if timed:
        columns += ["reached" if target is None else f"reached {target:.4g}", "steps to it"]
    if timed and seconds:
        columns += ["seconds to it"]
    part = judged_by(comparison)
    scales = {part: _scale([getattr(row, part) for row in rows])}
    cells = [
        (
            Cell(row.contender, row.contender, row.best, row.contender),
            _number(str(row.runs), row.runs),
            _number(str(row.diverged), row.diverged),
            _estimate(row.validation, scales.get("validation"), strong=row.best and part != "test"),
            _estimate(row.test, scales.get("test"), strong=row.best),
            *(_times(row, seconds=seconds) if timed else ()),
        )
        for row in rows
    ]
    title = "All tasks together" if task == ALL and ALL not in comparison.tasks else task
    return Table(title, tuple(columns), frozenset(range(1, len(columns))), tuple(cells))


def pairs_table(comparison: Comparison, task: str, contender: str | None = None) -> Table:
    """How each pair compares on a task, or on all.

    Args:
        comparison: The comparison to show.
        task: A task, or `ALL`.
        contender: If given, only its pairs are shown, with it as a.
    """
    pairs = pairings(comparison, task)
    if contender is not None:
        pairs = [pair.of(contender) for pair in pairs if contender in (pair.a, pair.b)]
    maximize = comparison.question.maximize
    rows = [
        (
            Cell(pair.a, pair.a, contender=pair.a),
            Cell(pair.b, pair.b, contender=pair.b),
            _number(str(pair.seeds), pair.seeds),
            _number(
                difference(pair.difference),
                pair.difference.value,
                strong=is_decided(pair.p_holm, pair.direction, pair.difference.value, maximize),
            ),
            _number(share(pair.improvement), pair.improvement.value),
            _number(probability(pair.p), pair.p),
            _number(probability(pair.p_holm), pair.p_holm, strong=pair.significant),
            Cell(pair.test, pair.test),
        )
        for pair in pairs
    ]
    parts = {pair.part for pair in pairs} or {"test"}
    unit = f"{' and '.join(sorted(parts))} {metric_name(comparison)}"
    title = "All tasks together" if task == ALL and ALL not in comparison.tasks else task
    columns = (
        "a",
        "b",
        "seeds",
        f"a\xa0−\xa0b in {unit}",
        "P(a\xa0better)",
        "p",
        "p\xa0Holm",
        "test",
    )
    return Table(title, columns, frozenset(range(2, 7)), tuple(rows))


def tuning_table(comparison: Comparison) -> Table:
    """The settings tried for each contender, and the chosen one."""
    columns = (
        _contender(comparison),
        "task",
        "settings",
        "runs",
        "diverged",
        f"best validation {metric_name(comparison)}",
        "chosen setting",
        "how",
        "at an edge",
    )
    rows = tuple(
        (
            Cell(row.contender, row.contender, contender=row.contender),
            Cell(row.task, row.task),
            _number(str(row.settings), row.settings),
            _number(str(row.runs), row.runs),
            _number(str(row.diverged), row.diverged),
            _number(score(row.best), row.best),
            Cell(row.chosen, row.chosen),
            Cell(row.how, row.how),
            Cell("; ".join(row.edges) or MISSING, "; ".join(row.edges), strong=bool(row.edges)),
        )
        for row in tuning(comparison)
    )
    return Table("Tuning", columns, frozenset(range(2, 6)), rows)


def runs_table(comparison: Comparison, *, diverged_only: bool = False) -> Table:
    """The scoring runs, or those of them that diverged."""
    frame = comparison.outcomes
    if diverged_only:
        frame = frame[frame["diverged"].astype(bool)]
    metric = metric_name(comparison)
    columns = (
        _contender(comparison),
        "task",
        "setting",
        "seed",
        "status",
        f"validation {metric}",
        f"test {metric}",
        "steps to target",
        "run",
    )
    rows = tuple(
        (
            Cell(row["contender"], row["contender"], contender=row["contender"]),
            Cell(row["task"], row["task"]),
            Cell(row["setting"], row["setting"]),
            _number(str(row["seed"]), float(row["seed"])),
            Cell(row["status"], row["status"]),
            _number(score(row["validation"]), row["validation"]),
            _number(score(row["test"]), row["test"]),
            _number(time(row["steps"]), row["steps"]),
            Cell(str(row["run_id"])[:8], str(row["run_id"])),
        )
        for row in frame.to_dict("records")
    )
    return Table("Runs", columns, frozenset({3, 5, 6, 7}), rows)


def trials_table(comparison: Comparison, most: int) -> Table:
    """The first `most` runs of the tuning."""
    metric = metric_name(comparison)
    columns = (_contender(comparison), "task", "setting", "seed", "status", f"validation {metric}")
    rows = tuple(
        (
            Cell(row["contender"], row["contender"], contender=row["contender"]),
            Cell(row["task"], row["task"]),
            Cell(row["setting"], row["setting"]),
            _number(str(row["seed"]), float(row["seed"])),
            Cell(row["status"], row["status"]),
            _number(score(row["validation"]), row["validation"]),
        )
        for row in comparison.trials.head(most).to_dict("records")
    )
    return Table("Trials", columns, frozenset({3, 5}), rows)


def _contender(comparison: Comparison) -> str:
    return ", ".join(key.split(".")[-1] for key in comparison.question.by)


def _number(text: str, key: float, *, strong: bool = False) -> Cell:
    return Cell(text, None if math.isnan(key) else key, strong)


def _times(row: Standing, *, seconds: bool) -> list[Cell]:
    reached = MISSING if math.isnan(row.reached) else f"{row.reached:.0%}"
    cells = [_number(reached, row.reached), _number(time(row.steps), row.steps)]
    return [*cells, _number(time(row.seconds), row.seconds)] if seconds else cells


def _scale(estimates: list[Estimate]) -> tuple[float, float]:
    finite = [number for estimate in estimates for number in estimate if math.isfinite(number)]
    return (min(finite), max(finite)) if finite else (0.0, 0.0)


def _estimate(
    estimate: Estimate, scale: tuple[float, float] | None, *, strong: bool = False
) -> Cell:
    low, high = scale or (0.0, 0.0)
    bar = None
    if high > low and all(math.isfinite(number) for number in estimate):
        bar = Bar(
            *((x - low) / (high - low) for x in (estimate.low, estimate.value, estimate.high))
        )
    key = None if math.isnan(estimate.value) else estimate.value
    return Cell(interval(estimate), key, strong, bar=bar)
