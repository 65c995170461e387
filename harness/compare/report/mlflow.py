"""Writes a comparison back to MLflow, so that its dashboard shows it too.

The run of the sweep itself (or a run of the kind `comparison`, if several sweeps or none were compared)
gets the summary as metrics, the verdict as a tag and in the description, and all files as artifacts,
which replace those of an earlier report. Each scoring run gets the time at which it reached the target,
and a tag that says that it counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.compare.comparison import Comparison
from harness.compare.report.verdict import verdict, verdicts
from harness.compare.report.writing import FILES, outdated
from harness.tracking.reading.logged_runs import LoggedRun
from harness.tracking.reading.run_files import read_run_file
from harness.tracking.writing.finished_runs import (
    RunUpdate,
    add_artifacts,
    create_finished_run,
    delete_artifacts,
    update_runs,
)

__all__ = ["log_comparison"]

NOTE = "mlflow.note.content"  # the tag that the dashboard shows as the description of a run
SIGN = "among the artifacts."  # marks a description that we wrote
SUMMARY = ("mean", "median", "iqm", "iqm_low", "iqm_high", "diverged")
TIMES = ("steps", "samples", "seconds")


def log_comparison(
    comparison: Comparison, uri: str, sweeps: Sequence[LoggedRun], folder: Path
) -> str:
    """Writes a comparison to MLflow.

    Args:
        comparison: The comparison to write.
        uri: The address of the store, as in `tracking.uri`.
        sweeps: The MLflow runs of the sweeps that were compared.
        folder: The folder of the report, which is copied to the artifacts.

    Returns:
        The id of the run that has the summary.

    Raises:
        TrackingError: The store cannot be written.
    """
    tags = {
        "verdict": verdict(comparison),
        "compared/by": ", ".join(comparison.question.by),
    }
    if len(sweeps) == 1:
        run_id = sweeps[0].run_id
    else:
        experiment = str(comparison.provenance["experiment"])
        run_id = create_finished_run(
            uri, experiment, f"comparison {folder.name}", {"kind": "comparison"}
        )
    description = sweeps[0].tags.get(NOTE, SIGN) if len(sweeps) == 1 else SIGN
    if SIGN in description:  # a description that a person wrote stays
        tags[NOTE] = _description(comparison, folder)
    update_runs(uri, [RunUpdate(run_id, dict(_summary(comparison)), tags), *_outcomes(comparison)])
    if len(sweeps) == 1:
        listed_before = read_run_file(sweeps[0], f"{folder.name}/{FILES}", uri) or ""
        listed_now = (folder / FILES).read_text(encoding="utf-8").splitlines()
        delete_artifacts(
            uri, run_id, [f"{folder.name}/{name}" for name in outdated(listed_before, listed_now)]
        )
    add_artifacts(uri, run_id, [folder])
    return run_id


def _description(comparison: Comparison, folder: Path) -> str:
    """The description at the top of the run's page, in Markdown."""
    verdict_lines = [f"- {_plain(sentence)}" for sentence in verdicts(comparison).values()]
    caveat_lines = [f"- {_plain(caveat)}" for caveat in comparison.caveats]
    report = f"The report: `{folder.name}/report.html` {SIGN}"
    return "\n".join(
        [
            *verdict_lines,
            "",
            *(["Mind this:", "", *caveat_lines, ""] if caveat_lines else []),
            report,
        ]
    )


def _plain(text: str) -> str:
    """The text with Markdown and HTML escaped, since names in a store are not to be trusted.

    >>> _plain("a_b <i> wins")
    'a\\\\_b \\\\<i\\\\> wins'
    """
    return re.sub(r"([\\`*_{}\[\]<>#|!~])", r"\\\1", text)


def _summary(comparison: Comparison) -> Iterator[tuple[str, float]]:
    metric = comparison.question.metric.name
    for row in comparison.summary.to_dict("records"):
        prefix = f"{_name(row['contender'])}/{_name(row['task'])}"
        for statistic in SUMMARY:
            yield f"compare/{prefix}/{row['part']}/{metric}/{statistic}", row[statistic]
    for row in comparison.times.to_dict("records"):
        prefix = f"{_name(row['contender'])}/{_name(row['task'])}"
        for unit in ("reached", *TIMES):
            yield f"compare/{prefix}/time_to_target/{unit}", row[unit]


def _outcomes(comparison: Comparison) -> Iterator[RunUpdate]:
    targets = comparison.question.targets
    for row in comparison.outcomes.to_dict("records"):
        tags = {"counts": "true", "contender": row["contender"]}
        if row["task"] in targets:
            tags["target"] = f"{targets[row['task']]:.6g}"
        times = {f"time_to_target/{unit}": row[unit] for unit in TIMES}
        yield RunUpdate(row["run_id"], times, tags)


def _name(label: str) -> str:
    """A label as a part of a metric's name.

    >>> _name("adam, he_normal"), _name("network.hidden=[16, 16]")
    ('adam he_normal', 'network.hidden 16 16')
    """
    return re.sub(r"[^\w.\- :]+|\s+", " ", label).replace("  ", " ").strip() or "-"
