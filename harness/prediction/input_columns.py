"""From the features that a dataset has to the inputs that its network has."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.data.categories import OneHot, level_number
from harness.errors import DataError

__all__ = ["InputColumns"]


@dataclass(frozen=True)
class InputColumns:
    """The columns of features, of which categorical ones hold levels.

    Attributes:
        names: Names of the features, in the order of the dataset.
        categories: Levels of each categorical feature, by its name.
    """

    names: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]]

    @property
    def width(self) -> int:
        """The inputs of the network."""
        return self._encoding.width(len(self.names))

    @property
    def _encoding(self) -> OneHot:
        return OneHot(
            {
                i: tuple(range(len(self.categories[name])))
                for i, name in enumerate(self.names)
                if name in self.categories
            }
        )

    def encode(self, features: Any) -> np.ndarray:
        """The inputs in the units of the dataset, (N, `width`) float64. Raises DataError.

        A level that the training part had not is none of the others, and warned of.

        Args:
            features: An array (N, F), or a pandas DataFrame, whose columns are taken by name if they
                have names of features.
        """
        if hasattr(features, "columns"):
            features = self._by_name(features)
        if self.categories:
            features = self._with_numbers(np.asarray(features, dtype=object))
        try:
            array = np.asarray(features, dtype=np.float64)
        except (ValueError, TypeError) as error:
            raise DataError(f"Features must be numbers: {error}") from error
        self._check_shape(array)
        if not np.isfinite(array).all():
            row, column = np.argwhere(~np.isfinite(array))[0]
            raise DataError(
                f"Features must be finite. Row {row + 1} (the first is 1) has {array[row, column]} in "
                f"{self.names[column]!r}."
            )
        return self._encoding.encode(array)

    def example(self, inputs: np.ndarray) -> dict[str, list[Any]]:
        """Features by name with such inputs, (N, `width`): of each category the first level."""
        columns: dict[str, list[Any]] = {}
        start = 0
        for name in self.names:
            levels = self.categories.get(name)
            columns[name] = (
                inputs[:, start].tolist() if levels is None else [levels[0]] * len(inputs)
            )
            start += 1 if levels is None else len(levels)
        return columns

    def _check_shape(self, array: np.ndarray) -> None:
        if array.ndim != 2 or array.shape[1] != len(self.names):
            raise DataError(
                f"Features must have the shape (rows, {len(self.names)}), one column for each "
                f"feature the network was trained on. Got {array.shape}."
            )

    def _with_numbers(self, features: np.ndarray) -> np.ndarray:
        """The same with the number of its level in place of each, (N, F) objects."""
        self._check_shape(features)
        features = features.copy()
        for i, name in enumerate(self.names):
            if name not in self.categories:
                continue
            levels = self.categories[name]
            missing = [row for row, cell in enumerate(features[:, i]) if _is_missing(cell)]
            if missing:
                raise DataError(
                    f"{name!r} has no value in row {missing[0] + 1} (the first is 1), one of "
                    f"{len(missing)} such rows. Fill them in."
                )
            try:
                numbers = {cell: level_number(levels, cell) for cell in features[:, i].tolist()}
            except TypeError as error:  # a list, say
                raise DataError(f"The levels of {name!r} must be texts: {error}") from error
            unknown = [str(cell) for cell, number in numbers.items() if number < 0]
            if unknown:
                warnings.warn(
                    f"{name!r} has levels that the network was not trained on: {_some(unknown)}. They "
                    f"count as none of {_some(levels)}.",
                    stacklevel=5,
                )
            features[:, i] = [numbers[cell] for cell in features[:, i].tolist()]
        return features

    def _by_name(self, frame: Any) -> Any:
        """The columns of a DataFrame in the order of training; as they are if no name is a feature's."""
        if not any(name in frame.columns for name in self.names):
            return frame
        missing = [name for name in self.names if name not in frame.columns]
        if missing:
            raise DataError(
                f"The table lacks {len(missing)} features of the network: {', '.join(missing[:5])}."
            )
        return frame[list(self.names)]


def _is_missing(cell: Any) -> bool:
    return cell is None or (not isinstance(cell, str) and str(cell) in ("nan", "<NA>", "NaT"))


def _some(names: Sequence[str]) -> str:
    return ", ".join([*names[:5], *(["…"] if len(names) > 5 else [])])
