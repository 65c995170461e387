"""The table at the end of a sweep: mean ± standard deviation over seeds, and how many runs diverged."""

from __future__ import annotations

import csv
import math
import statistics
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from harness.configuration.phase import tuning_round
from harness.evaluation.metrics import ACCURACY, PRIMARY
from harness.execution.progress import counted
from harness.execution.result_file import RESULT, read_result
from harness.training.records import Status

__all__ = [
    "MISSING",
    "SKIPPED",
    "Row",
    "overrides",
    "read_results",
    "rows",
    "score_name",
    "sentence",
    "show",
    "totals",
    "varied",
    "without_tuning",
    "write_csv",
]

Score = tuple[float, float | None] | None  # mean, and standard deviation of two runs or more

MISSING, SKIPPED = "missing", "skipped"  # keys of the totals, beside each status


@dataclass(frozen=True)
class Row:
    """The runs that differ only in their seed.

    Attributes:
        setting: What distinguishes the row from others, value by key.
        runs: Number of runs.
        validation: Score on the validation part, of the runs that were trained to their end: those that
            diverged, were dropped or failed are left out. None where no run has a finite score.
        test: Score on the test part, likewise.
        diverged: Number of runs that diverged.
        dropped: Number of runs that successive halving dropped.
        failed: Number of runs that ended with an error.
    """

    setting: dict[str, str]
    runs: int
    validation: Score
    test: Score
    diverged: int
    dropped: int
    failed: int


def read_results(folder: Path, since: float = 0.0) -> list[dict[str, Any]]:
    """The `result.json` of each job of a sweep, in order of the jobs; `job` is the job's folder.

    Args:
        folder: Folder of the sweep.
        since: Start of the sweep, in seconds since 1970. Older results are those of an earlier sweep in
            the same folder.
    """
    paths = [path for path in folder.rglob(RESULT) if path.stat().st_mtime >= since]
    # By length first: job 2 comes before job 10
    paths.sort(key=lambda path: (len(path.parent.name), path.parent.name))
    return [{**read_result(path.parent), "job": str(path.parent)} for path in paths]


def without_tuning(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The results that a table shows: all except those of the tuning, by which settings were chosen."""
    return [result for result in results if tuning_round(result.get("phase", "")) is None]


def varied(results: list[dict[str, Any]]) -> list[str]:
    """The keys whose values differ within the sweep, except the seed."""
    values: dict[str, set[str]] = {}
    for result in results:
        for key, value in overrides(result).items():
            values.setdefault(key, set()).add(value)
    return [key for key, distinct in values.items() if len(distinct) > 1 and key != "seed"]


def rows(results: list[dict[str, Any]]) -> list[Row]:
    """One row a setting, in the order of the jobs."""
    keys = varied(results)
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for result in results:
        values = overrides(result)
        groups.setdefault(tuple(values.get(key, "") for key in keys), []).append(result)
    return [
        Row(
            setting=dict(zip(keys, setting, strict=True)),
            runs=len(members),
            validation=_score(members, "best/validation"),
            test=_score(members, "test"),
            diverged=_ended(members, Status.DIVERGED),
            dropped=_ended(members, Status.DROPPED),
            failed=_ended(members, Status.FAILED),
        )
        for setting, members in groups.items()
    ]


def totals(results: list[dict[str, Any]], jobs: int | None = None) -> dict[str, int]:
    """The number of `runs`, of those that ended in each way, and of `missing` and `skipped` ones.

    A skipped run was trained by an earlier sweep, and also counts as it ended there.

    Args:
        results: As `read_results` returns them.
        jobs: Expected number of runs; None for the number of results.
    """
    ended = Counter(result["status"] for result in results)
    return {
        "runs": len(results) if jobs is None else jobs,
        **{status.value: ended[status] for status in Status},
        MISSING: 0 if jobs is None else jobs - len(results),
        SKIPPED: sum(result.get("skipped", False) for result in results),
    }


def sentence(counts: dict[str, int]) -> str:
    """The totals in words.

    >>> sentence({"runs": 9, "finished": 7, "diverged": 0, "failed": 2, "missing": 0, "skipped": 4})
    '9 runs, 4 of them trained before: 7 finished, 2 failed'
    """
    parts = [
        f"{count} {name.replace('_', ' ')}"
        for name, count in counts.items()
        if count and name not in ("runs", SKIPPED)
    ]
    skipped = f", {counts[SKIPPED]} of them trained before" if counts[SKIPPED] else ""
    return f"{counted(counts['runs'], 'run')}{skipped}: {', '.join(parts)}"


def score_name(results: list[dict[str, Any]]) -> str:
    """The name of the scores of the table: accuracy, or r2 for a regression."""
    metrics = {name for result in results for name in result["metrics"]}
    return next(
        (
            name
            for name in (metric.name for metric in PRIMARY)
            if f"test/{name}" in metrics or f"best/validation/{name}" in metrics
        ),
        ACCURACY.name,
    )


def show(table: list[Row], score: str, stream: TextIO) -> None:
    """Prints the table: in columns on a terminal, tab-separated elsewhere."""
    ends = ["diverged"]
    ends += [end for end in ("dropped", "failed") if any(getattr(row, end) for row in table)]
    header = [*(table[0].setting if table else ()), "runs", f"validation {score}", f"test {score}"]
    header += ends
    cells = [
        [*row.setting.values(), str(row.runs), _text(row.validation), _text(row.test)]
        + [str(getattr(row, end)) for end in ends]
        for row in table
    ]
    if not stream.isatty():
        for line in [header, *cells]:
            print("\t".join(line), file=stream)
        return
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Column, Table

    # Headers of two lines, so that the table of a usual sweep fits into 80 columns
    columns = [Column(title.replace(" ", "\n"), no_wrap=True) for title in header]
    layout = Table(*columns, box=None, padding=(0, 1, 0, 0))
    for line in cells:
        layout.add_row(*line)
    console = Console(file=stream)
    # The terminal wraps lines that are wider than itself; rich would cut them
    console.width = max(
        console.width,
        Measurement.get(console, console.options.update(max_width=10_000), layout).maximum,
    )
    console.print(layout)


def write_csv(table: list[Row], path: Path) -> None:
    """Writes the table with full precision."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        scores = ["validation_mean", "validation_std", "test_mean", "test_std"]
        ends = ["diverged", "dropped", "failed"]
        writer.writerow([*(table[0].setting if table else ()), "runs", *scores, *ends])
        for row in table:
            numbers = [*(row.validation or ("", "")), *(row.test or ("", ""))]
            counts = [getattr(row, end) for end in ends]
            writer.writerow([*row.setting.values(), row.runs, *numbers, *counts])


def overrides(result: dict[str, Any]) -> dict[str, str]:
    """The overrides of a job, value by key; and its phase, where it has one."""
    values = {key: value for key, _, value in (o.partition("=") for o in result["overrides"])}
    return values | ({"phase": result["phase"]} if result.get("phase") else {})


def _ended(members: list[dict[str, Any]], status: Status) -> int:
    return sum(member["status"] == status for member in members)


def _score(members: list[dict[str, Any]], part: str) -> Score:
    scores = [
        member["metrics"][f"{part}/{name}"]
        for member in members
        for name in (metric.name for metric in PRIMARY)
        if f"{part}/{name}" in member["metrics"] and member["status"] != Status.DROPPED
    ]
    values = [score for score in scores if math.isfinite(score)]  # R² of a single row is NaN
    if not values:
        return None
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None


def _text(score: Score) -> str:
    if score is None:
        return "-"
    mean, deviation = score
    return f"{mean:.4f}" if deviation is None else f"{mean:.4f} ± {deviation:.4f}"
