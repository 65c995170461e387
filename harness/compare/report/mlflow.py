"""Writes a comparison back to MLflow, so that its dashboard shows it too.

On the sweep's own run (on a run of the kind `comparison` where several sweeps, or none, were compared):
the summary as metrics, the verdict as a tag, all files as artifacts. On each run that counts: when it
reached the target, and that it counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from harness.compare.comparison import Comparison
from harness.compare.report.verdict import verdict
from harness.tracking.additions import Addition, add, add_artifacts, new_run

__all__ = ["log"]

SUMMARY = ("mean", "median", "iqm", "iqm_low", "iqm_high", "diverged")
TIMES = ("steps", "samples", "seconds")


def log(comparison: Comparison, uri: str, run_ids: tuple[str, ...], folder: Path) -> str:
    """Writes all of it. Returns the id of the run that has the summary.

    uri: as in `tracking.uri`. run_ids: the sweeps' own runs. folder: goes to the artifacts as it is.
    Raises TrackingError if the store cannot be written.
    """
    tags = {"verdict": verdict(comparison), "compared/by": ", ".join(comparison.question.by)}
    if len(run_ids) == 1:
        own = run_ids[0]
    else:
        experiment = str(comparison.facts["experiment"])
        own = new_run(uri, experiment, f"comparison {folder.name}", {"kind": "comparison"})
    add(uri, [Addition(own, dict(_summary(comparison)), tags), *_outcomes(comparison)])
    add_artifacts(uri, own, [folder])
    return own


def _summary(comparison: Comparison) -> Iterator[tuple[str, float]]:
    metric = comparison.question.metric
    for row in comparison.summary.to_dict("records"):
        place = f"{_name(row['contender'])}/{_name(row['task'])}"
        for statistic in SUMMARY:
            yield f"compare/{place}/{row['part']}/{metric}/{statistic}", row[statistic]
    for row in comparison.times.to_dict("records"):
        place = f"{_name(row['contender'])}/{_name(row['task'])}"
        for unit in ("reached", *TIMES):
            yield f"compare/{place}/time_to_target/{unit}", row[unit]


def _outcomes(comparison: Comparison) -> Iterator[Addition]:
    targets = comparison.question.targets
    for row in comparison.outcomes.to_dict("records"):
        tags = {"counts": "true", "contender": row["contender"]}
        if row["task"] in targets:
            tags["target"] = f"{targets[row['task']]:.6g}"
        times = {f"time_to_target/{unit}": row[unit] for unit in TIMES}
        yield Addition(row["run_id"], times, tags)


def _name(label: str) -> str:
    """A label as a part of a metric's name.

    >>> _name("adam, he_normal"), _name("network.hidden=[16, 16]")
    ('adam he_normal', 'network.hidden 16 16')
    """
    return re.sub(r"[^\w.\- :]+|\s+", " ", label).replace("  ", " ").strip() or "-"
