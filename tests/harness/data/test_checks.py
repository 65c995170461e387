from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from harness import Data, DataError, Task
from harness.data.preparing import Split, prepare

X = np.arange(12.0).reshape(6, 2)
GOOD = Data(X, np.array([0, 1, 0, 1, 0, 1]), source="the table")


def check(task: Task, **changes) -> None:
    activation = {Task.REGRESSION: "identity", Task.MULTICLASS: "softmax"}.get(task, "sigmoid")
    prepare(dataclasses.replace(GOOD, **changes), task, activation, Split(0, 0))


def broken(row: int, column: int, value: float) -> np.ndarray:
    features = X.copy()
    features[row, column] = value
    return features


@pytest.mark.parametrize("task", [Task.BINARY, Task.MULTICLASS, Task.REGRESSION])
def test_good_data_pass(task):
    check(task)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": X[:, 0]}, r"shape \(rows, features\).*Got shape \(6,\) of float64"),
        ({"features": X[:0], "targets": np.zeros(0)}, r"at least one of each"),
        ({"features": X[:, :0]}, r"at least one of each"),
        ({"features": X.astype(str)}, r"array of numbers.*of <U"),
        ({"features": X.astype(object)}, r"array of numbers.*object"),
        ({"features": X + 0j}, r"array of numbers.*complex"),
        ({"features": X.tolist()}, r"array of numbers.*Got a list"),
        (
            {"features": broken(4, 1, np.nan)},
            r"features must be finite. Got nan in row 5, column 'x2'",
        ),
        ({"features": broken(0, 0, np.inf)}, r"Got inf in row 1, column 'x1'.*1 values in all"),
        (
            {"features": broken(4, 1, np.nan), "feature_names": ("a", "b")},
            r"Got nan in row 5, column 'b'",
        ),
        ({"feature_names": ("a",)}, r"a name for each of the 2 features. Got 1 names"),
        ({"test_size": 6}, r"must leave some of the 6 rows.*test_size=6"),
        ({"test_size": -1}, r"test_size=-1"),
        ({"targets": np.zeros(5, int)}, r"shape \(6,\), one row for each.*Got shape \(5,\)"),
        ({"targets": np.zeros((6, 1), int)}, r"Got shape \(6, 1\)"),
        ({"targets": np.array(0)}, r"Got shape \(\)"),
        ({"targets": np.array(["a", "b"] * 3)}, r"array of numbers"),
        ({"targets": np.array([0, 1, 0, 1, 0, 0.5])}, r"whole. Got 0.5 in row 6 "),
        ({"targets": np.array([0, 1, 0, 1, 0, 1e300])}, r"whole. Got 1e\+300 in row 6 "),
        (
            {"targets": np.array([0, 1, 0, 1, 0, np.nan])},
            r"targets must be finite. Got nan in row 6 ",
        ),
        ({"targets": np.array([0, 1, 0, 1, 0, -1])}, r"from 0 to 2. Got numbers from -1 to 1"),
        ({"targets": np.array([1, 2] * 3)}, r"from 0 to 1. Got numbers from 1 to 2"),
        ({"targets": np.array([0, 10**12] * 3)}, r"from 0 to 1. Got numbers from 0 to 10"),
        ({"classes": ("a",)}, r"its 1 classes must run from 0 to 0"),
        ({"targets": np.zeros(6, int)}, r"at least two classes. Got one|binary task needs two"),
    ],
)
@pytest.mark.parametrize("task", [Task.BINARY, Task.MULTICLASS])
def test_bad_classification_data_are_refused_in_words(task, changes, message):
    with pytest.raises(DataError, match=f"the table: .*{message}"):
        check(task, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"targets": np.array([0, 1, 2, 0, 1, 2])},
        {"targets": np.zeros(6, int), "classes": ("no", "yes")},
        {"classes": ("no", "maybe", "yes")},
    ],
)
def test_binary_is_two_classes_with_rows_of_both(changes):
    with pytest.raises(DataError, match="a binary task needs two classes"):
        check(Task.BINARY, **changes)


def test_a_named_class_may_have_no_rows_where_there_are_several():
    check(Task.MULTICLASS, classes=("a", "b", "c"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, r"shape \(6, columns\)"),
        ({"targets": np.full((6, 2), 2)}, r"must be 0 or 1. Got values from 2 to 2"),
        ({"targets": np.ones((6, 2)), "classes": ("a",)}, r"each of the 2 labels. Got 1 names"),
        ({"targets": np.ones((6, 0))}, r"Got shape \(6, 0\)"),
    ],
)
def test_multilabel_targets_are_a_table_of_0_and_1(changes, message):
    with pytest.raises(DataError, match=message):
        check(Task.MULTILABEL, **changes)


def test_regression_takes_one_column_or_several():
    check(Task.REGRESSION, targets=np.linspace(0, 1, 6))
    check(Task.REGRESSION, targets=np.linspace(0, 1, 12).reshape(6, 2))
    with pytest.raises(DataError, match=r"shape \(6,\) or \(6, columns\).*\(6, 1, 1\)"):
        check(Task.REGRESSION, targets=np.ones((6, 1, 1)))
    with pytest.raises(DataError, match=r"targets must be finite. Got inf in row 3"):
        check(Task.REGRESSION, targets=np.array([0, 0, np.inf, 0, 0, 0]))
