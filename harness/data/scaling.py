"""Scaling of features and targets, by the statistics of the training part alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

__all__ = ["SCALES", "Affine", "Scaling", "fit"]

SCALES = ("standard", "minmax", "none")

# Values whose range is within so many units in the last place of the largest differ by rounding alone.
# In float64 a sum of some hundred terms, in whatever order, stays within it; in float32, where measured
# values come near to such differences, a sum of two or three.
_ROUNDING = {"float64": 32, "float32": 4}

# Rows at a time: the squared deviations of a large table are never all in memory
_BLOCK = 4096


@dataclass(frozen=True, eq=False)
class Affine:
    """x ↦ (x − shift) / scale, column by column.

    Attributes:
        shift: Shift of each column, (n,) float64.
        scale: Scale of each column, (n,) float64.
    """

    shift: np.ndarray
    scale: np.ndarray

    def apply(self, values: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """The scaled values; float32 stays float32, all else becomes float64.

        Args:
            values: Values in their own units, (N, n).
            out: Array to write the scaled ones to, which may be `values` itself.
        """
        dtype = np.float32 if values.dtype == np.float32 else np.float64
        scaled = np.subtract(values, self.shift.astype(dtype), out=out, dtype=dtype)
        scaled /= self.scale.astype(dtype)
        return scaled

    def inverse(self, values: np.ndarray) -> np.ndarray:
        """The values in their own units, float64.

        Args:
            values: Scaled values, (N, n).
        """
        return values * self.scale + self.shift

    @classmethod
    def identity(cls, columns: int) -> Affine:
        """The map that changes nothing."""
        return cls(np.zeros(columns), np.ones(columns))


@dataclass(frozen=True, eq=False)
class Scaling:
    """How data were scaled.

    Attributes:
        features: Map of the F features.
        targets: Map of the K targets.

    >>> scaling = Scaling(Affine(np.array([1.0]), np.array([2.0])), Affine.identity(1))
    >>> Scaling.from_dict(scaling.to_dict()).features.apply(np.array([[5.0]]))
    array([[2.]])
    """

    features: Affine
    targets: Affine

    def to_dict(self) -> dict[str, list[float]]:
        """Plain lists for JSON, which keeps floats exactly."""
        return {
            "feature_shift": self.features.shift.tolist(),
            "feature_scale": self.features.scale.tolist(),
            "target_shift": self.targets.shift.tolist(),
            "target_scale": self.targets.scale.tolist(),
        }

    @classmethod
    def from_dict(cls, lists: Mapping[str, list[float]]) -> Scaling:
        """The inverse of `to_dict`."""
        column = {name: np.array(values, np.float64) for name, values in lists.items()}
        return cls(
            Affine(column["feature_shift"], column["feature_scale"]),
            Affine(column["target_shift"], column["target_scale"]),
        )


def fit(values: np.ndarray, scale: str) -> Affine:
    """The map that scales values by their own statistics.

    A column that is constant, or constant but for rounding, is only shifted. A column whose statistics
    overflow float64 gets a scale or shift that is not finite: the caller knows its name and reports it.

    Args:
        values: Values in their own units, (N, n) with N ≥ 1.
        scale: "standard" for mean 0 and standard deviation 1 of each column (of the population: 1/N),
            "minmax" for the range [0, 1], "none" for no change.
    """
    if scale == "none":
        return Affine.identity(values.shape[1])
    low, high = (bound.astype(np.float64) for bound in (values.min(axis=0), values.max(axis=0)))
    with np.errstate(over="ignore", invalid="ignore"):
        width = high - low
        if scale == "minmax":
            center, spread = low, width
        else:
            center = values.mean(axis=0, dtype=np.float64)
            spread = _standard_deviation(values, center)
            # Squares of such values leave the range of float64 where the values do not
            for column in np.flatnonzero((low < high) & ~((width > 1e-140) & (width < 1e140))):
                center[column], spread[column] = _statistics(values[:, column])
        too_small = spread.astype(values.dtype) == 0  # underflow, in the precision it is used in
    # By the range, which is exact: a deviation would show the rounding of the mean
    precision = np.finfo(values.dtype if values.dtype == np.float32 else np.float64)
    rounding = _ROUNDING[str(precision.dtype)] * precision.eps
    constant = width <= rounding * np.maximum(abs(low), abs(high))
    center = np.where(low == high, low, center)
    return Affine(center, np.where(constant | too_small, 1.0, spread))


def _standard_deviation(values: np.ndarray, mean: np.ndarray) -> np.ndarray:
    squares = np.zeros(values.shape[1])
    for start in range(0, len(values), _BLOCK):
        deviation = values[start : start + _BLOCK] - mean
        squares += np.einsum("ij,ij->j", deviation, deviation)
    return np.sqrt(squares / len(values))


def _statistics(values: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of values of any size, (N,), by way of values near 1."""
    exponent = int(np.frexp(np.abs(values).max())[1])
    scaled = np.ldexp(values.astype(np.float64), -exponent)
    return np.ldexp(scaled.mean(), exponent), np.ldexp(scaled.std(), exponent)
