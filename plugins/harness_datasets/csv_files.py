"""Reading the columns of a CSV file as they are written."""

from __future__ import annotations

import warnings
from collections.abc import Set
from pathlib import Path
from typing import Any

import numpy as np

from harness import DataError
from harness_datasets.cells import is_number, rows_in_words, to_number
from harness_datasets.csv_format import COMMENTS, CsvFormat


def read_csv(
    path: Path, form: CsvFormat, text: Set[str]
) -> tuple[list[str], list[tuple[str, np.ndarray]]]:
    """The names in the header, and the columns with their names, which need not be different.

    A column without a name is called as pandas calls it, by its place from 0: "Unnamed: 0".

    Args:
        path: Path of the file.
        form: Signs and encoding of the file.
        text: Names of columns whose cells stay text, whatever they look like.
    """
    import pandas

    parsing = form.for_pandas
    errors = (pandas.errors.ParserError, pandas.errors.ParserWarning, pandas.errors.EmptyDataError)
    try:
        # pandas renames a second column of the same name in silence, so the header is read by itself
        first = pandas.read_csv(
            path, header=None, nrows=1, dtype=str, keep_default_na=False, **parsing
        )
        header = [str(name) for name in first.iloc[0]]
        names = [name if name.strip() else f"Unnamed: {i}" for i, name in enumerate(header)]
        with warnings.catch_warnings():
            # pandas warns of a row that is longer than the header, and would cut it off
            warnings.simplefilter("error", pandas.errors.ParserWarning)
            frame = pandas.read_csv(
                path,
                header=0,
                names=list(range(len(names))),
                dtype={i: str for i, name in enumerate(names) if name in text},
                low_memory=False,
                **parsing,
            )
    except (*errors, UnicodeError) as error:
        reason = str(error).strip()
        if isinstance(error, pandas.errors.ParserWarning):
            reason = f"a row has more cells than the first line has names, {len(names)}"
        hint = form.hint(path, undecodable=isinstance(error, UnicodeError))
        raise DataError(f"Cannot read {path} as .csv: {reason}.{hint}") from error
    columns = [(name, _values(frame[i], name in text, form)) for i, name in enumerate(names)]
    _check_no_comments(frame, path, form)
    return names, columns


def _values(column: Any, text: bool, form: CsvFormat) -> np.ndarray:
    """The values of a column; missing ones are None. Long whole numbers, which pandas leaves, too."""
    gaps = column.hasnans
    values: np.ndarray = column.to_numpy(dtype=object, na_value=None) if gaps else column.to_numpy()
    if values.dtype.kind != "O":
        return values
    if text:
        # Blanks after a number, and before a comment, are no part of what is written
        blanks = [form.has_comments or is_number(str(value)) for value in values]
        stripped = [v.rstrip(" \t") if b and v else v for v, b in zip(values, blanks, strict=True)]
        return np.array(stripped, object)
    if not gaps and all(is_number(str(value), form.decimal_sign) for value in values):
        return np.array([to_number(str(value), form.decimal_sign) for value in values])
    return values


def _check_no_comments(frame: Any, path: Path, form: CsvFormat) -> None:
    """Raises DataError for a row that is a comment: one cell that begins like one, no others."""
    first = frame[0]
    if form.has_comments or first.dtype.kind not in "OTU" or frame.shape[1] < 2:
        return
    for name in ("hash", "percent"):
        rows = np.flatnonzero(first.astype(str).str.startswith(COMMENTS[name][0]))
        rows = rows[frame.iloc[rows, 1:].isna().all(axis=1)]
        if len(rows):
            raise DataError(
                f"{path} seems to hold comments: {first[rows[0]]!r} stands alone in "
                f"{rows_in_words(rows.tolist())}. If so, set dataset.comment={name}."
            )
