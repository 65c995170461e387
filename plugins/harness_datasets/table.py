"""A table of your own: CSV, Parquet or NPZ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from harness import ConfigurationError, Data, DataError, Task, check_choice
from harness_datasets.columns import Columns, check_complete, read_columns, rows_in_words


@dataclass(frozen=True)
class Table:
    """Rows from a file, with named columns.

    Classes are text, whole numbers or true and false, numbered in their sorted order.

    Attributes:
        path: A .csv file with a header, a .parquet file, or an .npz file of arrays with a row for
            each sample (two-dimensional ones are several columns); nothing pickled is ever read.
        target: Name of the target column, or a list of names for multilabel and for regression.
        task: "binary", "multiclass", "multilabel" or "regression".
        ignore: Columns to leave out; all others are features.
    """

    path: str
    target: Any
    task: str = "multiclass"
    ignore: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        check_choice(self, "task", tuple(Task))
        object.__setattr__(self, "task", Task(self.task))
        names = self._targets
        if not names or not all(isinstance(name, str) and name for name in names):
            raise ConfigurationError(
                f"'target' of Table must be the name of a column, or a list of names. Got "
                f"{self.target!r}."
            )
        if len(names) > 1 and self.task in (Task.BINARY, Task.MULTICLASS):
            raise ConfigurationError(
                f"'target' of Table must be one column where the task is {self.task}; several are "
                f"for multilabel and regression. Got {', '.join(names)}."
            )

    @property
    def _targets(self) -> list[Any]:
        """The names of the target columns."""
        listed = isinstance(self.target, Sequence) and not isinstance(self.target, str)
        return list(self.target) if listed else [self.target]

    def load(self) -> Data:
        """Features (N, F) float64; targets as `Data` has them for the task."""
        path = Path(self.path).expanduser()
        columns = read_columns(path)
        for name in (*self._targets, *self.ignore):
            if name not in columns:
                listing = ", ".join(list(columns)[:20]) + (", …" if len(columns) > 20 else "")
                raise DataError(f"{path} has no column {name!r}. Its columns are: {listing}.")
        targets = {name: columns.pop(name) for name in dict.fromkeys(self._targets)}
        for name in self.ignore:
            columns.pop(name, None)
        if not columns:
            raise DataError(f"{path} has no columns left for features beside the target.")
        for name, values in (columns | targets).items():
            check_complete(name, values, path)
        feature_names, features = _numbers(columns, path, "a feature")
        if self.task in (Task.BINARY, Task.MULTICLASS):
            classes, labels = _classes(targets, path)
        else:
            names, labels = _numbers(targets, path, "a target")
            classes = names if self.task == Task.MULTILABEL else ()
            if self.task == Task.REGRESSION and labels.shape[1] == 1:
                labels = labels[:, 0]
        return Data(
            features, labels, source=f"table: {path}", classes=classes, feature_names=feature_names
        )


def _numbers(columns: Columns, path: Path, role: str) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of all columns, and their values side by side, (N, columns) float64."""
    names: list[str] = []
    for name, values in columns.items():
        if values.dtype.kind not in "biuf":
            rows, example = _not_numbers(values)
            raise DataError(
                f"Column {name!r} of {path} cannot be {role}: it holds {str(example)!r}, which is "
                f"not a number, in {rows}. Correct it, encode it as numbers (a column of 0 and 1 "
                f"for each value, say), or leave it out with dataset.ignore=[{name}]."
            )
        width = values.shape[1] if values.ndim == 2 else 1
        names += [name] if values.ndim == 1 else [f"{name}_{i}" for i in range(width)]
    return tuple(names), np.column_stack(list(columns.values())).astype(np.float64)


def _not_numbers(values: np.ndarray) -> tuple[str, Any]:
    """The rows that hold something other than a number, in words, and the first such value."""
    wrong = [row for row, value in enumerate(values) if not _is_number(value)]
    rows = wrong or list(range(len(values)))
    return rows_in_words(rows), values[rows[0]]


def _is_number(value: Any) -> bool:
    try:
        float(str(value))
    except ValueError:
        return False
    return True


def _classes(targets: Columns, path: Path) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of the classes, and the class number of each row."""
    ((name, values),) = targets.items()
    values = values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values
    whole = values.dtype.kind in "biu" or (
        values.dtype.kind == "f" and bool((values == np.floor(values)).all())
    )
    text = values.dtype.kind == "U" or (
        values.dtype.kind == "O" and all(isinstance(value, str) for value in values)
    )
    if values.ndim != 1 or not (whole or text):
        raise DataError(
            f"Column {name!r} of {path} cannot be a class: classes must be text, whole numbers or "
            f"true and false, one a row. Got {values.dtype} of shape {values.shape}, as in "
            f"{values[0]}. For a continuous target set dataset.task=regression."
        )
    distinct, labels = np.unique(values, return_inverse=True)
    classes = tuple(
        f"{value:.0f}" if values.dtype.kind == "f" else str(value) for value in distinct
    )
    return classes, labels.astype(np.int64)
