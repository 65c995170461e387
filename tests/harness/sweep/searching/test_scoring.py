"""What a setting scores, from how its runs ended."""

from __future__ import annotations

import math

import pytest
from hydra.core.utils import JobReturn, JobStatus

from harness.sweep.searching.scoring import mean_score, result_of
from harness.training.records import Result, Status


def ended(status=Status.FINISHED, **metrics):
    named = {f"best/validation/{name}": value for name, value in metrics.items()}
    return Result("r", "/r", (), {}, status, 1, 1, named | {"test/accuracy": 0.123})


@pytest.mark.parametrize(
    ("results", "metrics", "expected"),
    [
        ([ended(accuracy=0.5), ended(accuracy=1.0)], ["accuracy"], 0.75),
        ([ended(loss=0.5), ended(loss=1.0)], ["loss"], -0.75),
        ([ended(r2=-2.0)], ["accuracy", "r2"], -2.0),
        ([ended(accuracy=0.5, r2=9.0)], ["accuracy", "r2"], 0.5),
        ([ended(accuracy=1.0), ended(Status.DIVERGED)], ["accuracy"], -math.inf),
        ([ended(Status.DROPPED, accuracy=0.25)], ["accuracy"], 0.25),
        ([ended(Status.STOPPED_EARLY, accuracy=0.25)], ["accuracy"], 0.25),
        ([ended(accuracy=1.0), ended(Status.FAILED, accuracy=1.0)], ["accuracy"], None),
        ([ended(Status.DIVERGED), ended(Status.FAILED)], ["accuracy"], None),
        ([ended(accuracy=1.0), None], ["accuracy"], None),
        ([ended(r2=math.nan)], ["r2"], None),  # of one validation row
        ([ended()], ["accuracy"], None),  # a test metric is none
        ([], ["accuracy"], None),
    ],
)
def test_a_setting_scores_the_mean_over_its_seeds(results, metrics, expected):
    assert mean_score(results, metrics) == expected


def test_only_a_completed_job_with_a_result_has_ended():
    done = ended()
    assert result_of(JobReturn(status=JobStatus.COMPLETED, _return_value=done)) is done
    assert result_of(JobReturn(status=JobStatus.COMPLETED, _return_value=None)) is None
    assert result_of(JobReturn(status=JobStatus.FAILED, _return_value=ValueError())) is None
