"""Datasets that break one requirement each, and no other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

from harness import Data, DataError, Task


@dataclass(frozen=True)
class Sound:
    """Three clouds, shuffled, the last 30 rows for the test."""

    task: ClassVar[Task] = Task.MULTICLASS

    def load(self):
        rng = np.random.default_rng(0)
        labels = rng.permutation(np.arange(120) % 3)
        return Data(rng.normal(size=(120, 2)) + labels[:, None], labels, "invented", test_size=30)


class TaskInTheData(Sound):
    """Has no task before it has loaded."""

    tasks: ClassVar[list[Task]] = []

    @property
    def task(self):
        return self.tasks[-1] if self.tasks else None

    def load(self):
        self.tasks.append(Task.MULTICLASS)
        return super().load()


class CountsFromOne(Sound):
    """Numbers its classes from 1."""

    def load(self):
        data = super().load()
        return replace(data, targets=data.targets + 1)


class MissingValue(Sound):
    """Has NaN in a feature."""

    def load(self):
        data = super().load()
        data.features[7, 1] = np.nan
        return data


class NoSource(Sound):
    """Does not state the source of its data."""

    def load(self):
        return replace(super().load(), source=" ")


class DrawsAnew(Sound):
    """Returns other data at every call."""

    def load(self):
        data = super().load()
        return replace(data, features=data.features + np.random.default_rng().normal())


class SeedsNumpy(Sound):
    """Seeds the global generator and draws from it."""

    def load(self):
        np.random.seed(0)  # noqa: NPY002
        data = super().load()
        return replace(data, features=np.random.normal(size=(120, 2)))  # noqa: NPY002


class LeaksTheTest(Sound):
    """Has six of its test rows also among the others."""

    def load(self):
        data = super().load()
        data.features[:6], data.targets[:6] = data.features[-6:], data.targets[-6:]
        return data


class SortedByClass(Sound):
    """Takes its test part from rows that are sorted by class."""

    def load(self):
        data = super().load()
        order = np.argsort(data.targets, kind="stable")
        return replace(
            data, features=data.features[order], targets=data.targets[order], test_size=45
        )


def test_what_they_are_made_from_is_sound(assert_sound):
    assert_sound("dataset", Sound)


@pytest.mark.parametrize(
    ("component", "requirement", "found"),
    [
        (TaskInTheData, "states_its_task", "None before loading and <Task.MULTICLASS"),
        (CountsFromOne, "returns_valid_data", "from 0 to 2. Got numbers from 1 to 3"),
        (MissingValue, "returns_valid_data", "Got nan in row 8"),
        (NoSource, "returns_valid_data", "the source ' '"),
        (DrawsAnew, "loads_the_same_every_time", r"was [0-9a-f]{12}…, then [0-9a-f]{12}…"),
        (SeedsNumpy, "touches_no_global_generator", "np.random has changed"),
        (
            LeaksTheTest,
            "has_parts_that_share_no_rows",
            r"20\.0% of the 30 rows .* the 90 others",
        ),
        (SortedByClass, "ends_with_its_official_test_part", r"Of the classes \[2\]"),
    ],
    ids=lambda part: getattr(part, "__name__", None),
)
def test_a_faulty_dataset_is_caught_by_its_requirement(
    assert_breaks, component, requirement, found
):
    assert_breaks("dataset", component, requirement, found)


def test_duplicates_that_the_docstring_reports_are_accepted(check_results):
    class Reported(LeaksTheTest):
        """Has six duplicates among training and test rows."""

    result = check_results("dataset", Reported)["has_parts_that_share_no_rows"]
    assert (result.status, result.note) == (
        "passed",
        "rows that repeat another one: 6; in two parts of a split: 6",
    )


def test_if_the_files_are_missing_the_message_of_the_dataset_is_the_reason_of_the_skip(
    check_results,
):
    @dataclass(frozen=True)
    class Elsewhere(Sound):
        """Is on another machine. download: Whether to fetch it."""

        download: bool = True

        def load(self):
            raise DataError(f"Get it from the library (download={self.download}).")

    results = check_results("dataset", Elsewhere)
    assert results["states_its_task"].note == "Get it from the library (download=False)."
    assert results["loads_the_same_every_time"].status == "skipped"
    assert not [result for result in results.values() if result.failed]
