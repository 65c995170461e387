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
from harness.evaluation.metrics import PRIMARY
from harness.execution.progress import counted
from harness.execution.result_file import RESULT, read_result
from harness.tracking.metrics_csv import METRICS
from harness.training.records import Status

__all__ = [
    "MISSING",
    "SKIPPED",
    "Row",
    "overrides",
    "read_results",
    "rows",
    "sentence",
    "show",
    "totals",
    "varied",
    "without_tuning",
    "write_csv",
]

Score = tuple[float, float | None] | None  # mean, and standard deviation of two runs or more

PARTS = ("validation", "test")

MISSING, SKIPPED = "missing", "skipped"  # keys of the totals, beside each status


@dataclass(frozen=True)
class Row:
    """The runs that differ only in their seed.

    Attributes:
        setting: What distinguishes the row from others, value by key.
        metric: Name of the metric that its scores are of; "" where no run tells.
        runs: Number of runs.
        validation: Score on the validation part, of the runs that were trained to their end: those that
            diverged or failed are left out. None where no run has a finite score, and where successive
            halving dropped a run: it kept the others for their scores.
        test: Score on the test part, likewise.
        diverged: Number of runs that diverged.
        dropped: Number of runs that successive halving dropped.
        failed: Number of runs that ended with an error.
    """

    setting: dict[str, str]
    metric: str
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
            metric=metric,
            runs=len(of_metric),
            validation=_score(of_metric, f"best/validation/{metric}"),
            test=_score(of_metric, f"test/{metric}"),
            diverged=_ended(of_metric, Status.DIVERGED),
            dropped=_ended(of_metric, Status.DROPPED),
            failed=_ended(of_metric, Status.FAILED),
        )
        for setting, members in groups.items()
        for metric, of_metric in _by_metric(members).items()
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


def show(table: list[Row], stream: TextIO) -> None:
    """Prints the table: in columns on a terminal, tab-separated elsewhere.

    Tasks of different metrics have columns of their own.
    """
    ends = ["diverged"]
    ends += [end for end in ("dropped", "failed") if any(getattr(row, end) for row in table)]
    metrics = _metrics(table)
    header = [*(table[0].setting if table else ()), "runs"]
    header += [f"{part} {metric or 'score'}" for metric in metrics for part in PARTS] + ends
    cells = [
        [*row.setting.values(), str(row.runs)]
        + [_text(_score_of(row, part, metric)) for metric in metrics for part in PARTS]
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
    """Writes the table with full precision.

    Columns of scores are called `validation_mean`, with tasks of different metrics
    `validation_accuracy_mean`.
    """
    metrics = _metrics(table)
    names = [f"{part}_{m}" if len(metrics) > 1 else part for m in metrics for part in PARTS]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        scores = [f"{name}_{number}" for name in names for number in ("mean", "std")]
        ends = ["diverged", "dropped", "failed"]
        writer.writerow([*(table[0].setting if table else ()), "runs", *scores, *ends])
        for row in table:
            numbers = [
                number
                for metric in metrics
                for part in PARTS
                for number in _score_of(row, part, metric) or ("", "")
            ]
            counts = [getattr(row, end) for end in ends]
            writer.writerow([*row.setting.values(), row.runs, *numbers, *counts])


def overrides(result: dict[str, Any]) -> dict[str, str]:
    """The overrides of a job, value by key; and its phase, where it has one."""
    values = {key: value for key, _, value in (o.partition("=") for o in result["overrides"])}
    return values | ({"phase": result["phase"]} if result.get("phase") else {})


def _ended(members: list[dict[str, Any]], status: Status) -> int:
    return sum(member["status"] == status for member in members)


def _metric(result: dict[str, Any]) -> str:
    """The metric that a run is judged by; "" where it is not known.

    A run that diverged has no scores, but its metrics by epoch tell by what it would have been judged.
    """
    logged = set(result["metrics"])
    if not logged and "job" in result:
        try:
            with (Path(result["job"]) / METRICS).open(encoding="utf-8") as file:
                logged = set(file.readline().strip().split(","))
        except OSError:
            pass
    parts = ("test", "best/validation", "validation")
    names = (metric.name for metric in PRIMARY)
    return next((name for name in names if {f"{part}/{name}" for part in parts} & logged), "")


def _by_metric(members: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The runs of a setting by their metric: one, as a rule. Runs that do not tell go with the first."""
    metrics = [_metric(member) for member in members]
    first = next((metric for metric in metrics if metric), "")
    groups: dict[str, list[dict[str, Any]]] = {}
    for member, metric in zip(members, metrics, strict=True):
        groups.setdefault(metric or first, []).append(member)
    return groups


def _metrics(table: list[Row]) -> list[str]:
    """The metrics of a table, in the order of their first rows; [""] where no row tells one."""
    return list(dict.fromkeys(row.metric for row in table if row.metric)) or [""]


def _score_of(row: Row, part: str, metric: str) -> Score:
    """The score of a row on a part, if it is of that metric."""
    score: Score = getattr(row, part) if row.metric == metric else None
    return score


def _score(members: list[dict[str, Any]], name: str) -> Score:
    if _ended(members, Status.DROPPED):  # those that were kept were kept for their scores
        return None
    scores = [member["metrics"][name] for member in members if name in member["metrics"]]
    values = [score for score in scores if math.isfinite(score)]  # R² of a single row is NaN
    if not values:
        return None
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None


def _text(score: Score) -> str:
    if score is None:
        return "-"
    mean, deviation = score
    return f"{mean:z.4f}" if deviation is None else f"{mean:z.4f} ± {deviation:.4f}"
