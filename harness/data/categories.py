"""Categorical features: a column of 0 and 1 for each level that the training part has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["OneHot"]


@dataclass(frozen=True)
class OneHot:
    """The levels of categorical columns, each of which becomes a column of 0 and 1 in its place.

    A row of another level has 0 in all of them.

    Attributes:
        levels: Numbers of the levels in ascending order, by column.

    >>> OneHot({1: (0, 2)}).encode(np.array([[5.0, 2.0], [6.0, 1.0]]))
    array([[5., 0., 1.],
           [6., 0., 0.]])
    """

    levels: Mapping[int, tuple[int, ...]]

    @classmethod
    def fit(cls, features: np.ndarray, columns: Iterable[int]) -> OneHot:
        """The levels that occur in these columns of features, (N, F)."""
        return cls(
            {i: tuple(np.unique(features[:, i]).astype(int).tolist()) for i in sorted(columns)}
        )

    def width(self, columns: int) -> int:
        """The columns that so many columns become."""
        return columns + sum(len(levels) - 1 for levels in self.levels.values())

    def encode(self, features: np.ndarray) -> np.ndarray:
        """Features with their categorical columns encoded, (N, F) → (N, `width(F)`), of their dtype."""
        if not self.levels:
            return features
        rows, columns = features.shape
        encoded = np.empty((rows, self.width(columns)), features.dtype)
        start = 0
        for i in range(columns):
            levels = self.levels.get(i)
            stop = start + (1 if levels is None else len(levels))
            column = features[:, i : i + 1]
            encoded[:, start:stop] = column if levels is None else column == np.array(levels)
            start = stop
        return encoded

    def names(self, names: Sequence[str], level_names: Mapping[int, Sequence[str]]) -> list[str]:
        """Names of the encoded columns: of a level the column's and its own, as in "city=Bern"."""
        return [
            name if level is None else f"{name}={level_names[i][level]}"
            for i, name in enumerate(names)
            for level in self.levels.get(i, (None,))
        ]


def level_number(levels: Sequence[str], cell: Any) -> int:
    """The number of the level that a cell of a table names, or −1: text by itself, numbers by value.

    >>> [level_number(("007", "8"), cell) for cell in ("007", 7, 8.0, "7", "x")]
    [0, 0, 1, -1, -1]
    """
    whole = isinstance(cell, float | np.floating) and float(cell).is_integer()
    text = str(int(cell)) if whole else str(cell)
    if text in levels:
        return list(levels).index(text)
    if isinstance(cell, str | bool | np.bool_):
        return -1
    equal = [number for number, level in enumerate(levels) if _value(level) == cell]
    return equal[0] if len(equal) == 1 else -1


def _value(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
