"""The tables behind the standings: every statistic, ranks, benchmark scores, interaction."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from harness.compare.report.standings import ALL, judged_by
from harness.compare.report.tables import Cell, Table
from harness.compare.report.verdict import metric_name
from harness.compare.report.wording import Estimate, difference, interval, probability, score

if TYPE_CHECKING:
    from harness.compare.comparison import Comparison

__all__ = ["benchmark_table", "further_tables", "interaction_table", "ranks_table", "summary_table"]

STATISTICS = {"mean": "mean", "median": "median", "iqm": "interquartile mean", "gap": "gap to 1"}


def further_tables(comparison: Comparison) -> list[Table]:
    """The tables that have rows."""
    makers = (summary_table, ranks_table, benchmark_table, interaction_table)
    return [table for table in (maker(comparison) for maker in makers) if table.rows]


def summary_table(comparison: Comparison) -> Table:
    """Mean, median, interquartile mean and optimality gap with their intervals."""
    part = judged_by(comparison)
    summary = comparison.summary[comparison.summary["part"] == part]
    names = {n: t for n, t in STATISTICS.items() if n in summary and summary[n].notna().any()}
    rows = [
        (
            _contender(row["contender"]),
            Cell(row["task"], row["task"]),
            Cell(f"{row['diverged']:.0%}", row["diverged"]),
            *(_cell(interval(_estimate(row, name, f"{name}_")), row[name]) for name in names),
        )
        for row in summary.to_dict("records")
    ]
    columns = ("contender", "task", "diverged", *names.values())
    title = f"Every statistic of {part} {metric_name(comparison)}"
    return Table(title, columns, frozenset(range(2, len(columns))), tuple(rows))


def ranks_table(comparison: Comparison) -> Table:
    """Mean ranks, with the difference from which on two of them are significant."""
    rows = [
        (
            _contender(row["contender"]),
            _cell(f"{row['rank']:.2f}", row["rank"]),
            _cell(f"{row['critical']:.2f}", row["critical"]),
            _cell(probability(row["p_friedman"]), row["p_friedman"]),
        )
        for row in comparison.ranks.to_dict("records")
    ]
    columns = ("contender", "mean rank", "critical difference", "p of Friedman’s test")
    return Table("Ranks over tasks and seeds", columns, frozenset({1, 2, 3}), tuple(rows))


def benchmark_table(comparison: Comparison) -> Table:
    """AlgoPerf's benchmark score."""
    rows = [
        (_contender(row["contender"]), _cell(f"{row['score']:.3f}", row["score"]))
        for row in comparison.benchmark.to_dict("records")
    ]
    title = "Benchmark score B, of the steps to the target"
    return Table(title, ("contender", "B"), frozenset({1}), tuple(rows))


def interaction_table(comparison: Comparison) -> Table:
    """Each pair of levels: its mean, and its effect beyond the sum of both factors."""
    by = [key.split(".")[-1] for key in comparison.question.by]
    rows = [
        (
            Cell(row["row"], row["row"]),
            Cell(row["column"], row["column"]),
            _cell(str(row["runs"]), row["runs"]),
            _cell(str(row["diverged"]), row["diverged"]),
            _cell(score(row["mean"]), row["mean"]),
            _cell(difference(_estimate(row, "effect")), row["effect"]),
            _cell(probability(row.get("p", math.nan)), row.get("p", math.nan)),
        )
        for row in comparison.interaction.to_dict("records")
    ]
    columns = (*by, "runs", "diverged", "mean", "interaction", "p of no interaction")
    return Table("Interaction", columns, frozenset(range(2, 7)), tuple(rows))


def _contender(name: str) -> Cell:
    return Cell(name, name, contender=None if name == ALL else name)


def _estimate(row: dict[Any, Any], name: str, prefix: str = "") -> Estimate:
    return Estimate(row[name], row[f"{prefix}low"], row[f"{prefix}high"])


def _cell(text: str, key: float) -> Cell:
    return Cell(text, None if math.isnan(key) else float(key))
