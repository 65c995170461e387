"""Cells of a table: which are missing, which are numbers, and which rows to name to a person."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from harness import DataError

# As pandas reads them: ASCII digits without separators of thousands. Python's float takes more
_NUMBER = re.compile(r"[ \t]*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[ \t]*", re.ASCII)
_DECIMAL_COMMA = re.compile(r"[ \t]*[+-]?\d*,\d+([eE][+-]?\d+)?[ \t]*", re.ASCII)
_TRUTHS = frozenset({"True", "TRUE", "true", "False", "FALSE", "false"})


def check_complete(name: str, values: np.ndarray, path: Path) -> None:
    """Raises DataError where a value is missing."""
    if values.dtype.kind == "f":
        missing = np.isnan(values)
    elif values.dtype.kind == "O":
        missing = np.array([value is None for value in values])
    else:
        return
    if missing.any():
        rows = rows_in_words(np.flatnonzero(missing).tolist())
        raise DataError(
            f"Column {name!r} of {path} has no value in {rows} (an empty cell, NA, NaN, null and "
            f"None count as missing). Fill them in, leave those rows out, or leave the column out "
            f"with {override('ignore', name)}."
        )


def override(key: str, *names: str) -> str:
    """The override that names columns, as it is typed into a shell.

    >>> print(override("ignore", "id"), override("ignore", "Unnamed: 0"))
    dataset.ignore=[id] 'dataset.ignore=["Unnamed: 0"]'
    """
    if all(re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII) for name in names) and len(names) == 1:
        return f"dataset.{key}=[{names[0]}]"
    quoted = ['"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"' for name in names]
    return "'" + f"dataset.{key}=[{','.join(quoted)}]".replace("'", "'\"'\"'") + "'"


def rows_in_words(rows: Sequence[int]) -> str:
    """Row numbers for a person.

    >>> rows_in_words([0, 2])
    'rows 1, 3 (the first row of data is 1)'
    """
    shown = ", ".join(str(row + 1) for row in rows[:5])
    more = f" and {len(rows) - 5} more" if len(rows) > 5 else ""
    return f"row{'s' if len(rows) > 1 else ''} {shown}{more} (the first row of data is 1)"


def is_number(text: str, decimal: str = ".") -> bool:
    """Whether a cell of text is a number.

    >>> is_number("1.5e3"), is_number("1_000"), is_number("1,5", decimal=","), is_number("NAN")
    (True, False, True, False)
    """
    if decimal != ".":
        text = text.replace(".", "?").replace(decimal, ".")
    return _NUMBER.fullmatch(text) is not None


def is_decimal_comma(text: str) -> bool:
    """Whether a cell is a number with a comma as its decimal sign."""
    return _DECIMAL_COMMA.fullmatch(text) is not None


def to_number(text: str, decimal: str = ".") -> float:
    """The number that a cell is, see `is_number`."""
    return float(text.replace(decimal, "."))


def exact_numbers(values: np.ndarray) -> np.ndarray:
    """Values of a typed file, with decimal and long whole numbers, which are objects, as floats."""
    if values.dtype.kind != "O":
        return values
    numeric = all(
        isinstance(value, int | float | Decimal) and not isinstance(value, bool) for value in values
    )
    return values.astype(np.float64) if numeric else values


def not_a_number(values: np.ndarray, decimal: str = ".") -> str:
    """What a person has to know of a column that is not numeric: which cells are no numbers."""
    if any(not isinstance(value, str) for value in values):
        return f"it holds {values[0]!r:.40}, of type {type(values[0]).__name__}"
    numbers = [is_number(str(value), decimal) for value in values]
    truths = [value in _TRUTHS for value in values]
    good = truths if sum(truths) > sum(numbers) else numbers
    wrong = [row for row, fits in enumerate(good) if not fits]
    if not wrong:
        return f"it holds text, as {str(values[0])!r}"
    kind = "true or false" if good is truths else "a number"
    cell = str(values[wrong[0]])
    hint = ""
    if decimal == "." and all(is_decimal_comma(str(values[row])) for row in wrong):
        hint = "; if the comma is its decimal sign, set dataset.decimal=comma"
    return f"it holds {cell!r}, which is not {kind}, in {rows_in_words(wrong)}{hint}"


def numbered(values: np.ndarray, by_size: bool = True) -> tuple[tuple[str, ...], np.ndarray]:
    """Different values in order, as texts, and the number of each row's, (N,) int64.

    Whole numbers have no decimal point, whatever their type, and true is "True".

    Args:
        values: Texts, numbers or truth values, (N,).
        by_size: Whether to order them by size if each is a number, and writing that number gives the
            text again. Else the order is that of text, in which each pair stands whatever others there
            are.

    >>> numbered(np.array(["10", "9", "10"], object))
    (('9', '10'), array([1, 0, 1]))
    >>> numbered(np.array(["10", "09", "9"], object))[0]
    ('09', '10', '9')
    """
    if values.dtype.kind == "O":
        texts: dict[str, int] = {}
        numbers = np.array([texts.setdefault(_text(v), len(texts)) for v in values], np.int64)
        names = list(texts)
    else:
        distinct, numbers = np.unique(values, return_inverse=True)
        names = [_text(value) for value in distinct.tolist()]
    order = sorted(range(len(names)), key=names.__getitem__)
    if by_size and all(map(_is_canonical, names)):
        order.sort(key=lambda i: Decimal(names[i]))
    return tuple(names[i] for i in order), np.argsort(order)[numbers]


def check_levels(name: str, values: np.ndarray, path: Path) -> None:
    """Raises DataError for values that cannot be levels of a category: dates, bytes, lists."""
    plain = values.dtype.kind in "biufU" or (
        values.dtype.kind == "O" and all(isinstance(v, str | int | float | Decimal) for v in values)
    )
    if not plain:
        raise DataError(
            f"Column {name!r} of {path} cannot be categorical: its values must be text, numbers, or "
            f"true and false. Got {values[0]!r:.40}. Write them as text, or leave the column out with "
            f"{override('ignore', name)}."
        )


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return str(int(value))
    return str(value)


def _is_canonical(text: str) -> bool:
    """Whether a text is a number, and writing that number gives the text again."""
    whole = re.fullmatch(r"0|-?[1-9]\d*", text, re.ASCII) is not None  # of any size
    return whole or (is_number(text) and text == repr(float(text)))
