"""Who stops after an epoch, and as what."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from harness.training.endings import endings
from harness.training.records import Status

CASES = list(product([False, True], repeat=4))  # finite, last, stop, dropped


def expected(finite: bool, last: bool, stop: bool, dropped: bool) -> Status | None:
    if not finite:
        return Status.DIVERGED
    if last:
        return Status.FINISHED
    if stop:
        return Status.STOPPED_EARLY
    return Status.DROPPED if dropped else None


@pytest.mark.parametrize("case", CASES)
def test_the_first_reason_counts(case: tuple[bool, ...]) -> None:
    assert endings(*(np.array([reason]) for reason in case)) == [expected(*case)]


def test_each_run_has_an_ending_of_its_own() -> None:
    columns = np.array(CASES).T
    assert endings(*columns) == [expected(*case) for case in CASES]


@pytest.mark.parametrize(
    ("ending", "case"),
    [
        (Status.DIVERGED, (False, True, True, True)),
        (Status.FINISHED, (True, True, True, True)),
        (Status.STOPPED_EARLY, (True, False, True, True)),
        (Status.DROPPED, (True, False, False, True)),
        (None, (True, False, False, False)),
    ],
)
def test_the_order_of_the_reasons(ending: Status | None, case: tuple[bool, ...]) -> None:
    """Written out: `expected` could have the same mistake as what it checks."""
    assert endings(*(np.array([reason]) for reason in case)) == [ending]


def test_no_runs_have_no_endings() -> None:
    assert endings(*np.zeros((4, 0), dtype=bool)) == []
