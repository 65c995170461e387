"""Reading the columns of a table from a file."""

from __future__ import annotations

import warnings
import zipfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from harness import DataError

Columns = dict[str, np.ndarray]
"""Arrays by name: (N,), or (N, n) for several columns under one name; text is of kind O or U."""

LARGEST = 2**32  # bytes that an NPZ file may unpack to


def read_columns(path: Path) -> Columns:
    """The columns of a CSV, Parquet or NPZ file, with equal numbers of rows. Raises DataError."""
    readers = {".csv": _read_csv, ".parquet": _read_parquet, ".npz": _read_npz}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise DataError(f"A table must be a {', '.join(readers)} file. Got {path}.")
    if not path.is_file():
        raise DataError(f"There is no file {path.absolute()}. Set dataset.path to an existing one.")
    try:
        columns = reader(path)
    except DataError:
        raise
    except Exception as error:  # a parser may raise anything for a file of another format
        reason = str(error).strip() or type(error).__name__
        raise DataError(f"Cannot read {path} as {path.suffix}: {reason}") from error
    rows = {name: len(values) for name, values in columns.items()}
    if not columns or min(rows.values()) == 0:
        raise DataError(f"{path} holds no rows.")
    if len(set(rows.values())) > 1:
        listing = ", ".join(f"{name} has {count}" for name, count in rows.items())
        raise DataError(f"The arrays in {path} must have equally many rows, but {listing}.")
    return columns


def check_complete(name: str, values: np.ndarray, path: Path) -> None:
    """Raises DataError where a value is missing."""
    if values.dtype.kind == "f":
        missing = np.isnan(values)
        missing = missing.any(axis=1) if values.ndim == 2 else missing
    elif values.dtype.kind == "O":
        missing = np.array([value is None for value in values])
    else:
        return
    if missing.any():
        rows = rows_in_words(np.flatnonzero(missing).tolist())
        raise DataError(
            f"Column {name!r} of {path} has no value in {rows} (an empty cell, NA, NaN, null and "
            f"None count as missing). Fill them in, leave those rows out, or leave the column out "
            f"with dataset.ignore=[{name}]."
        )


def rows_in_words(rows: list[int]) -> str:
    """Row numbers for a person.

    >>> rows_in_words([0, 2])
    'rows 1, 3 (the first row of data is 1)'
    """
    shown = ", ".join(str(row + 1) for row in rows[:5])
    more = f" and {len(rows) - 5} more" if len(rows) > 5 else ""
    return f"row{'s' if len(rows) > 1 else ''} {shown}{more} (the first row of data is 1)"


def _read_csv(path: Path) -> Columns:
    import pandas

    reading: dict[str, Any] = {"compression": None, "index_col": False, "skipinitialspace": True}
    # pandas silently renames a second column of the same name, so the header is read first.
    _check_names(pandas.read_csv(path, header=None, nrows=1, dtype=str, **reading).iloc[0])
    with warnings.catch_warnings():
        # pandas warns of a row that is longer than the header, and would cut it off.
        warnings.simplefilter("error", pandas.errors.ParserWarning)
        return _columns(pandas.read_csv(path, low_memory=False, **reading))


def _read_parquet(path: Path) -> Columns:
    import pandas

    return _columns(pandas.read_parquet(path, engine="pyarrow"))


def _columns(frame: Any) -> Columns:
    _check_names(frame.columns)
    return {
        str(name): column.to_numpy(dtype=object, na_value=None)
        if column.hasnans
        else column.to_numpy()
        for name, column in frame.items()
    }


def _check_names(names: Iterable[Any]) -> None:
    twice = [str(name) for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(f"Columns must have different names. Twice there: {', '.join(twice)}.")


def _read_npz(path: Path) -> Columns:
    with zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > LARGEST:
        raise DataError(
            f"{path} unpacks to {size:,} bytes; at most {LARGEST:,} are accepted. Use Parquet."
        )
    with np.load(path, allow_pickle=False) as archive:
        columns = {name: archive[name] for name in archive.files}
    for name, values in columns.items():
        if not isinstance(values, np.ndarray) or values.ndim not in (1, 2):
            got = f"shape {values.shape}" if isinstance(values, np.ndarray) else "no array"
            raise DataError(
                f"{name!r} in {path} must be an array of one or two dimensions, with a row for "
                f"each sample. Got {got}."
            )
    return columns
