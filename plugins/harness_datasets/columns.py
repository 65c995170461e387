"""The columns of a table, from a file of any format."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from harness import DataError
from harness_datasets.cells import is_number, override
from harness_datasets.csv_files import read_csv
from harness_datasets.csv_format import CsvFormat
from harness_datasets.npz_files import read_npz

Columns = dict[str, np.ndarray]
"""Arrays (N,) by name; text is of kind O or U."""

# What pandas calls an index without a name, in CSV and in Parquet
_INDEX = re.compile(r"Unnamed: \d+.*|__index_level_\d+__")


class Column(NamedTuple):
    """A column of a file.

    Attributes:
        array: Name of its array in an NPZ file; its own elsewhere.
        name: Name of the column.
        values: Values of the column, (N,).
    """

    array: str
    name: str
    values: np.ndarray


@dataclass(frozen=True)
class Choice:
    """Which columns of a table are wanted.

    Attributes:
        targets: Names of target columns, or of arrays of them.
        ignore: Names of columns that are left out, whatever they are.
        categorical: Names of features that are categorical.
        labels: Whether the targets are labels of classes.
        form: Signs and encoding of a CSV file.
    """

    targets: Sequence[str]
    ignore: Sequence[str] = ()
    categorical: Sequence[str] = ()
    labels: bool = False
    form: CsvFormat = field(default_factory=CsvFormat)

    @property
    def text(self) -> frozenset[str]:
        """Columns of a CSV file that stay text: 007 is no 7 there."""
        return frozenset([*self.categorical, *(self.targets if self.labels else ())])


class Parts(NamedTuple):
    """The columns of a table by their roles.

    Attributes:
        features: Features by name.
        targets: Targets by name.
        categorical: Names of the features that are categorical.
    """

    features: Columns
    targets: Columns
    categorical: set[str]


def read_columns(path: Path, choice: Choice) -> Parts:
    """The columns of a CSV, Parquet or NPZ file, with equal numbers of rows. Raises DataError."""
    names, columns = _read(path, choice)
    if not names:
        raise DataError(f"{path} holds no rows.")
    places = _places(names, columns)
    roles = dict.fromkeys(range(len(columns)), "feature")
    for role, wanted in (
        ("target", choice.targets),
        ("categorical", choice.categorical),
        ("ignore", choice.ignore),
    ):
        for name in wanted:
            if name not in places:
                listing = ", ".join(dict.fromkeys(names[:20])) + (", …" if len(names) > 20 else "")
                hint = choice.form.hint(path) if path.suffix.lower() == ".csv" else ""
                if 2 * sum(map(is_number, names)) > len(names):
                    hint += " These look like data: the first line must be a header with names."
                raise DataError(f"{path} has no column {name!r}. Its columns are: {listing}.{hint}")
            if not places[name] and role != "ignore":
                raise DataError(f"The array {name!r} of {path} holds no columns.")
            taken = [i for i in places[name] if roles[i] not in ("feature", role)]
            if taken:
                raise DataError(
                    f"Column {columns[taken[0]].name!r} of {path} is named in dataset.{role} and in "
                    f"dataset.{roles[taken[0]]}. It can be one of the two."
                )
            roles |= dict.fromkeys(places[name], role)
    kept = [column for i, column in enumerate(columns) if roles[i] != "ignore"]
    _check_names([column.name for column in kept], choice, path)
    _check_rows(kept, next(c.array for i, c in enumerate(columns) if roles[i] == "target"), path)
    order = list(dict.fromkeys(i for name in choice.targets for i in places[name]))
    return Parts(
        {c.name: c.values for i, c in enumerate(columns) if roles[i] in ("feature", "categorical")},
        {columns[i].name: columns[i].values for i in order},
        {c.name for i, c in enumerate(columns) if roles[i] == "categorical"},
    )


def _check_rows(columns: list[Column], target: str, path: Path) -> None:
    """Raises DataError unless all arrays have as many rows as that of a target, at least one."""
    rows = {column.array: len(column.values) for column in columns}
    if not rows or min(rows.values()) == 0:
        raise DataError(f"{path} holds no rows.")
    if len(set(rows.values())) > 1:
        listing = ", ".join(f"{name} has {count}" for name, count in rows.items())
        others = [name for name, count in rows.items() if count != rows[target]]
        raise DataError(
            f"The arrays in {path} must have equally many rows, but {listing}. Those that are no "
            f"columns can be left out, as with {override('ignore', *others)}."
        )


def _read(path: Path, choice: Choice) -> tuple[list[str], list[Column]]:
    """The names of the columns, or of the arrays that they are of, and the columns."""
    readers: dict[str, Callable[[], tuple[list[str], list[Any]]]] = {
        ".csv": lambda: _single(*read_csv(path, choice.form, choice.text)),
        ".parquet": lambda: _single(*_read_parquet(path)),
        ".npz": lambda: read_npz(path, choice.ignore),
    }
    suffix = path.suffix.lower()
    if suffix not in readers:
        raise DataError(f"A table must be a {', '.join(readers)} file. Got {path}.")
    if suffix != ".csv" and choice.form != CsvFormat():
        raise DataError(
            f"dataset.separator, decimal, comment and encoding are for .csv files. Got {path}."
        )
    if not path.is_file():
        raise DataError(f"There is no file {path.absolute()}. Set dataset.path to an existing one.")
    try:
        names, columns = readers[suffix]()
    except DataError:
        raise
    except Exception as error:  # a parser may raise anything for a file of another format
        reason = str(error).strip() or type(error).__name__
        raise DataError(f"Cannot read {path} as {path.suffix}: {reason}") from error
    return names, [Column(*column) for column in columns]


def _read_parquet(path: Path) -> tuple[list[str], list[tuple[str, np.ndarray]]]:
    import pandas

    frame = pandas.read_parquet(path, engine="pyarrow")
    names = [str(name) for name in frame.columns]
    return names, [
        (
            name,
            column.to_numpy(dtype=object, na_value=None) if column.hasnans else column.to_numpy(),
        )
        for name, (_, column) in zip(names, frame.items(), strict=True)
    ]


def _single(
    names: list[str], columns: list[tuple[str, np.ndarray]]
) -> tuple[list[str], list[tuple[str, str, np.ndarray]]]:
    return names, [(name, name, values) for name, values in columns]


def _places(names: list[str], columns: list[Column]) -> dict[str, list[int]]:
    """The columns that each name stands for: those of the array of this name, else the one column."""
    places: dict[str, list[int]] = {name: [] for name in names}
    for i, column in enumerate(columns):
        places[column.array].append(i)
    for i, column in enumerate(columns):
        places.setdefault(column.name, [i])
    return places


def _check_names(names: list[str], choice: Choice, path: Path) -> None:
    """Raises DataError for a name that is there twice, and for a feature without one."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(
            f"Columns of {path} must have different names. Twice there: {', '.join(twice)}. Rename "
            f"them, or leave all of a name out with {override('ignore', *twice)}."
        )
    wanted = {*choice.targets, *choice.categorical}
    nameless = [n for n in names if (_INDEX.fullmatch(n) or not n.strip()) and n not in wanted]
    if nameless:
        raise DataError(
            f"{path} has a column without a name, {nameless[0]!r}. It may be the index, which "
            f"pandas writes without index=False: the order of the rows is no feature. Leave it out "
            f"with {override('ignore', *nameless)}, or give it a name."
        )
