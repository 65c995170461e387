"""The score of a setting: the mean over its seeds of a validation metric. Higher is better.

    a run diverged      −inf: a setting that diverges for one seed is not to be recommended
    a run was dropped   the score that it had reached (successive halving)
    a run failed        no score: an error says nothing about the setting

The metric is `best/validation/…`, of the parameters that the run ended with. No test metric is read.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from hydra.core.utils import JobReturn, JobStatus

from harness.evaluation.metrics import metric_named
from harness.training.records import Result, Status

__all__ = ["mean_score", "result_of", "run_score"]

PREFIX = "best/validation/"


def result_of(returned: JobReturn) -> Result | None:
    """The result of a job; None where its launcher returned none."""
    result = returned.return_value if returned.status is JobStatus.COMPLETED else None
    return result if isinstance(result, Result) else None


def mean_score(results: Sequence[Result | None], metrics: Sequence[str]) -> float | None:
    """The score of a setting; None where a run has none.

    Args:
        results: Result of the run of each seed; None where there is none.
        metrics: The first of these metrics that a run has is its score.
    """
    scores = [None if result is None else run_score(result, metrics) for result in results]
    numbers = [score for score in scores if score is not None]
    return statistics.fmean(numbers) if numbers and len(numbers) == len(results) else None


def run_score(result: Result, metrics: Sequence[str]) -> float | None:
    """The score of a run. A loss counts as its negative, so that higher is better."""
    if result.status is Status.FAILED:
        return None
    if result.status is Status.DIVERGED:
        return -math.inf
    for metric in metrics:
        value = result.metrics.get(f"{PREFIX}{metric}")
        if value is not None and math.isfinite(value):  # R² of a single row is NaN
            return value if metric_named(metric).maximize else -value
    return None
