"""What a setting scores: the mean over its seeds of a validation metric, higher being better.

    a run diverged      −inf: a setting that diverges for one seed is none to recommend, and no score is
                        made up
    a run was dropped   what it had reached (successive halving)
    a run failed        none: an error says nothing about the setting

The metric is the one of the parameters that the run ended with, `best/validation/…`. No test metric is
looked at.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from hydra.core.utils import JobReturn, JobStatus

from harness.evaluation.metrics import higher_is_better
from harness.training.records import Result, Status

__all__ = ["mean_score", "result_of", "run_score"]

PREFIX = "best/validation/"


def result_of(returned: JobReturn) -> Result | None:
    """How a job ended; None where its launcher brought nothing back."""
    result = returned.return_value if returned.status is JobStatus.COMPLETED else None
    return result if isinstance(result, Result) else None


def mean_score(results: Sequence[Result | None], metrics: Sequence[str]) -> float | None:
    """The score of a setting from the runs of all its seeds; None where one has none.

    metrics: the first of them that a run has is its score.
    """
    scores = [None if result is None else run_score(result, metrics) for result in results]
    known = [score for score in scores if score is not None]
    return statistics.fmean(known) if known and len(known) == len(results) else None


def run_score(result: Result, metrics: Sequence[str]) -> float | None:
    """The score of a run: a loss counts as its negative, so that higher is better."""
    if result.status is Status.FAILED:
        return None
    if result.status is Status.DIVERGED:
        return -math.inf
    for metric in metrics:
        value = result.metrics.get(f"{PREFIX}{metric}")
        if value is not None and math.isfinite(value):  # R² of a single row is NaN
            return value if higher_is_better(metric) else -value
    return None
