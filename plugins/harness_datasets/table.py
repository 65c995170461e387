"""A table of your own: CSV, Parquet or NPZ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from harness import ADDED, ConfigurationError, Data, DataError, Task, check_choice
from harness_datasets.cells import (
    check_complete,
    check_levels,
    exact_numbers,
    is_number,
    not_a_number,
    numbered,
    override,
)
from harness_datasets.columns import Choice, Columns, read_columns
from harness_datasets.csv_format import CsvFormat

_BLOCK = 1024  # rows


@dataclass(frozen=True)
class Table:
    """Rows from a file, with named columns.

    Classes are text, whole numbers or true and false, numbered in their sorted order. In a CSV file they
    are what is written there: 007 is no 7.

    Attributes:
        path: A .csv file with a header, a .parquet file, or an .npz file of arrays with a row for
            each sample (a two-dimensional x is the columns x_0, x_1, …); nothing pickled is ever read.
        target: Name of the target column, or a list of names for multilabel and for regression.
        task: "binary", "multiclass", "multilabel" or "regression".
        ignore: Columns to leave out; all others are features.
        categorical: Features that are text, each value a level: a column of 0 and 1 for each level
            that the training part has. A row of another level has 0 in all of them.
        separator: Sign between the cells of a .csv file: comma, semicolon, tab, space (any number
            of them), bar, or a character.
        decimal: Decimal sign in a .csv file: point or comma.
        comment: Sign before a comment in a .csv file, which ends with its line: none, hash, percent,
            or a character.
        encoding: Encoding of a .csv file, such as utf-8, latin-1 or utf-16.
    """

    path: str
    target: Any
    task: str = "multiclass"
    ignore: list[str] = field(default_factory=list)
    categorical: list[str] = field(default_factory=list, metadata=ADDED)
    separator: str = field(default="comma", metadata=ADDED)
    decimal: str = field(default="point", metadata=ADDED)
    comment: str = field(default="none", metadata=ADDED)
    encoding: str = field(default="utf-8", metadata=ADDED)

    def __post_init__(self) -> None:
        check_choice(self, "task", tuple(Task))
        object.__setattr__(self, "task", Task(self.task))
        for name in ("separator", "decimal", "comment", "encoding"):
            object.__setattr__(self, name, getattr(self._form, name))
        names = self._targets
        numbers = [name for name in names if isinstance(name, int | float)]
        if numbers:
            raise ConfigurationError(
                f"'target' of Table must be the name of a column, or a list of names. Got "
                f"{numbers[0]!r}, which is read as a number or a truth value. Quote a name that "
                f"looks like one, as in \"dataset.target='{numbers[0]}'\"."
            )
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
        roles = [*names, *dict.fromkeys(self.ignore), *dict.fromkeys(self.categorical)]
        twice = sorted(name for name, count in Counter(roles).items() if count > 1)
        if twice:
            raise ConfigurationError(
                f"A column can be one of 'target', 'ignore' and 'categorical' of Table, once. Named "
                f"twice: {', '.join(twice)}."
            )

    @property
    def _targets(self) -> list[Any]:
        """The names of the target columns."""
        listed = isinstance(self.target, Sequence) and not isinstance(self.target, str)
        return list(self.target) if listed else [self.target]

    @property
    def _form(self) -> CsvFormat:
        """How a CSV file is written."""
        return CsvFormat(self.separator, self.decimal, self.comment, self.encoding)

    def load(self) -> Data:
        """Features (N, F) float64; targets as `Data` has them for the task."""
        path = Path(self.path).expanduser()
        labelled = self.task in (Task.BINARY, Task.MULTICLASS)
        features, targets, categorical = read_columns(
            path, Choice(self._targets, self.ignore, self.categorical, labelled, self._form)
        )
        if not features:
            raise DataError(f"{path} has no columns left for features beside the target.")
        for name, values in (features | targets).items():
            check_complete(name, values, path)
        categories = {}
        for number, (name, values) in enumerate(features.items()):
            if name in categorical:
                check_levels(name, values, path)
                categories[number], features[name] = numbered(values, by_size=False)
        classes: tuple[str, ...] = ()
        if labelled:
            classes, labels = _classes(targets, path)
        else:
            labels = self._numbers(targets, path, "a target")
            if self.task == Task.MULTILABEL:
                classes = tuple(targets)
            elif labels.shape[1] == 1:
                labels = labels[:, 0]
        return Data(
            self._numbers(features, path, "a feature"),
            labels,
            source=f"table: {path}",
            classes=classes,
            feature_names=tuple(features),
            categories=categories,
        )

    def _numbers(self, columns: Columns, path: Path, role: str) -> np.ndarray:
        """The values of all columns side by side, (N, columns) float64."""
        columns = {name: exact_numbers(values) for name, values in columns.items()}
        for name, values in columns.items():
            if values.dtype.kind not in "biuf":
                reason = not_a_number(values, self._form.decimal_sign)
                category = (
                    f", name it in {override('categorical', name)}" if "feature" in role else ""
                )
                raise DataError(
                    f"Column {name!r} of {path} cannot be {role}: {reason}. Correct it{category}, or "
                    f"leave it out with {override('ignore', name)}."
                )
        return _side_by_side(list(columns.values()))


def _side_by_side(columns: list[np.ndarray]) -> np.ndarray:
    """Columns as (N, columns) float64. In blocks of rows: a column touches the memory of all rows."""
    table = np.empty((len(columns[0]), len(columns)))
    for start in range(0, len(table), _BLOCK):
        block = slice(start, start + _BLOCK)
        for i, values in enumerate(columns):
            table[block, i] = values[block]
    return table


def _classes(targets: Columns, path: Path) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of the classes, and the class number of each row."""
    name, values = next(iter(targets.items()))
    typed = values.dtype.kind in "biufU" or all(
        isinstance(value, str | int | Decimal) for value in values
    )
    classes, labels = numbered(values) if typed and len(targets) == 1 else ((), values)
    fractions = [c for c in classes if is_number(c) and not float(c).is_integer()]
    if not classes or (fractions and all(map(is_number, classes))):
        got = (
            f"{len(targets)} columns" if len(targets) > 1 else f"{values.dtype}, as in {values[0]}"
        )
        raise DataError(
            f"Column {name!r} of {path} cannot be a class: classes must be text, whole numbers or "
            f"true and false, one a row. Got {fractions[0] if fractions else got}. For a continuous "
            f"target set dataset.task=regression."
        )
    return classes, labels
