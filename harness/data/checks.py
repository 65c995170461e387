"""Checks that data are what `Data` promises: they come from files and plugins, and are not trusted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from harness.contracts import Data, Task
from harness.errors import DataError

__all__ = ["checked_features", "checked_labels"]

_NUMBERS = "biuf"  # dtype kinds: bool, integers, floats
_DIMENSIONS = {Task.BINARY: (1,), Task.MULTICLASS: (1,), Task.MULTILABEL: (2,)}


def checked_features(data: Data) -> np.ndarray:
    """The features, (N, F), C-contiguous; float32 stays, all else becomes float64. Raises DataError."""
    features = data.features
    if not _is_numeric(features) or features.ndim != 2 or 0 in features.shape:
        raise DataError(
            f"{data.source}: features must be an array of numbers of shape (rows, features), with "
            f"at least one of each. Got {_describe(features)}."
        )
    rows, columns = features.shape
    if data.feature_names and len(data.feature_names) != columns:
        raise DataError(
            f"{data.source}: there must be a name for each of the {columns} features. Got "
            f"{len(data.feature_names)} names."
        )
    _check_different(data.feature_names, "features", data.source)
    if not 0 <= data.test_size < rows:
        raise DataError(
            f"{data.source}: the official test part must leave some of the {rows} rows for "
            f"training. Got test_size={data.test_size}."
        )
    names = data.feature_names or tuple(f"x{i + 1}" for i in range(columns))
    _check_finite(features, "features", data.source, names)
    _check_levels(data)
    dtype = np.float32 if features.dtype == np.float32 else np.float64
    return np.ascontiguousarray(features, dtype)


def _check_levels(data: Data) -> None:
    """Raises DataError unless categorical features are numbers of levels that have different names."""
    for column, names in data.categories.items():
        values = data.features[:, column]
        if not np.isin(values, np.arange(len(names))).all():
            raise DataError(
                f"{data.source}: the categorical feature in column {column} must be whole numbers "
                f"below {len(names)}, the number of its levels. Got values from {values.min()} to "
                f"{values.max()}."
            )
        _check_different(names, f"levels of column {column}", data.source)


def _check_different(names: Iterable[str], what: str, source: str) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(
            f"{source}: {what} must have different names. Twice there: {', '.join(map(str, twice[:5]))}."
        )


def checked_labels(data: Data, task: Task) -> tuple[np.ndarray, tuple[str, ...]]:
    """The labels and the names of the classes. Raises DataError.

    Labels are class numbers for binary and multiclass, (N,) int64; 0 and 1 for multilabel, (N, L) int64;
    values for regression, (N, K) float64. Classes without names are called by their numbers.
    """
    targets, rows = data.targets, len(data.features)
    dimensions = _DIMENSIONS.get(task, (1, 2))
    fits = _is_numeric(targets) and targets.ndim in dimensions and targets.size > 0
    if not fits or len(targets) != rows:
        shapes = " or ".join(("", f"({rows},)", f"({rows}, columns)")[n] for n in dimensions)
        raise DataError(
            f"{data.source}: the targets of a {task.value} task must be an array of numbers of "
            f"shape {shapes}, one row for each row of features. Got {_describe(targets)}."
        )
    _check_finite(targets, "targets", data.source)
    _check_different(data.classes, "classes", data.source)
    if task is Task.REGRESSION:
        return np.ascontiguousarray(targets.reshape(rows, -1), np.float64), data.classes
    with np.errstate(invalid="ignore"):  # a float beyond int64 is reported as not whole
        labels = np.ascontiguousarray(targets, np.int64)
    if not np.array_equal(labels, targets):
        row = int(np.argwhere(labels != targets)[0][0])
        raise DataError(
            f"{data.source}: class numbers must be whole. Got {targets[row]} in row {row + 1} (the "
            f"first row is 1). For a continuous target the task is regression."
        )
    if task is Task.MULTILABEL:
        return labels, _checked_indicators(labels, data)
    return labels, _checked_classes(labels, data, task)


def _checked_indicators(labels: np.ndarray, data: Data) -> tuple[str, ...]:
    if not np.isin(labels, (0, 1)).all():
        raise DataError(
            f"{data.source}: multilabel targets must be 0 or 1. Got values from {labels.min()} to "
            f"{labels.max()}."
        )
    if data.classes and len(data.classes) != labels.shape[1]:
        raise DataError(
            f"{data.source}: there must be a name for each of the {labels.shape[1]} labels. Got "
            f"{len(data.classes)} names."
        )
    return data.classes or tuple(str(number) for number in range(labels.shape[1]))


def _checked_classes(labels: np.ndarray, data: Data, task: Task) -> tuple[str, ...]:
    present = np.unique(labels)
    count = len(data.classes) or len(present)
    if present[0] < 0 or present[-1] >= count:
        raise DataError(
            f"{data.source}: the numbers of its {count} classes must run from 0 to {count - 1}. "
            f"Got numbers from {present[0]} to {present[-1]}."
        )
    if task is Task.BINARY and (count != 2 or len(present) != 2):
        raise DataError(
            f"{data.source}: a binary task needs two classes, 0 and 1, with rows of both. Got "
            f"{count} classes, {len(present)} of them with rows. With more than two the task is "
            f"multiclass."
        )
    if count < 2:
        raise DataError(f"{data.source}: there must be at least two classes. Got one.")
    return data.classes or tuple(str(number) for number in range(count))


def _is_numeric(array: object) -> bool:
    return isinstance(array, np.ndarray) and array.dtype.kind in _NUMBERS


def _describe(array: object) -> str:
    if isinstance(array, np.ndarray):
        return f"shape {array.shape} of {array.dtype}"
    return f"a {type(array).__name__}"


def _check_finite(array: np.ndarray, what: str, source: str, columns: tuple[str, ...] = ()) -> None:
    finite = np.isfinite(array)
    if not finite.all():
        first = np.argwhere(~finite)[0]
        names = columns or range(1, array.shape[-1] + 1)
        column = f", column {names[first[1]]!r}" if len(first) == 2 else ""
        raise DataError(
            f"{source}: {what} must be finite. Got {array[tuple(first)]} in row {first[0] + 1}"
            f"{column} (the first row is 1); {array.size - np.count_nonzero(finite)} values in all "
            f"are not. Fill them in or leave those rows out."
        )
