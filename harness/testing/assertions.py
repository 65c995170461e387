"""Comparisons of arrays that raise `Violation`: with expected numbers, or before with after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from harness.testing.check_results import Violation

__all__ = ["Snapshot", "assert_close", "assert_equal", "central_differences", "relative_difference"]


def relative_difference(actual: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference, relative to the largest finite expected number; inf if only one is NaN.

    >>> relative_difference(np.array([1.0, 2.2]), np.array([1.0, 2.0])).__round__(3)
    0.1
    """
    with np.errstate(all="ignore"):
        equal = (actual == expected) | (np.isnan(actual) & np.isnan(expected))
        if equal.all():
            return 0.0
        scale = np.abs(expected[np.isfinite(expected)]).max(initial=0.0) or 1.0
        largest = float(np.where(equal, 0.0, np.abs(actual - expected)).max()) / float(scale)
        return largest if np.isfinite(largest) else float("inf")


def assert_close(actual: Any, expected: Any, tolerance: float, what: str, remedy: str) -> None:
    """Asserts that two arrays have the same shape and almost the same numbers.

    Args:
        actual: Array that the component has led to.
        expected: Array to compare with.
        tolerance: Largest relative difference that is allowed; 0 asks for every bit.
        what: The two arrays in words, as in "θ in a stack and alone".
        remedy: How to fix it.

    Raises:
        Violation: The arrays differ.
    """
    actual, expected = np.asarray(actual), np.asarray(expected)
    if actual.shape != expected.shape:
        raise Violation(
            f"{what} differ in shape: {actual.shape} against {expected.shape}.",
            remedy,
        )
    difference = relative_difference(actual, expected)
    if difference <= tolerance:
        return
    with np.errstate(all="ignore"):
        errors = np.abs(actual - expected)
        worst = np.unravel_index(
            int(np.argmax(np.where(np.isnan(errors), np.inf, errors))), errors.shape
        )
    allowed = f"{tolerance:g} is allowed" if tolerance else "every bit must be equal"
    index = tuple(int(number) for number in worst)
    raise Violation(
        f"{what} differ by {difference:.3g} relative to the largest number; {allowed}. The worst is at "
        f"{index}: {actual[worst]!s} against {expected[worst]!s}.",
        remedy,
    )


def assert_equal(actual: Any, expected: Any, what: str, remedy: str) -> None:
    """`assert_close` to the last bit."""
    assert_close(actual, expected, 0.0, what, remedy)


def central_differences(function: Callable[[np.ndarray], np.ndarray], at: np.ndarray) -> np.ndarray:
    """∂f_r/∂x_r by central differences, in float64.

    Args:
        function: f, from (R, ...) to (R,); it computes each of the R runs from its own row, so that one
            call moves a number of every run.
        at: Point x, (R, ...).

    >>> central_differences(lambda x: (x * x).sum(-1), np.array([[1.0, 2.0]])).round(6)
    array([[2., 4.]])
    """
    gradient = np.empty_like(at)
    for index in np.ndindex(at.shape[1:]):
        column = (slice(None), *index)
        step = 1e-6 * np.maximum(1.0, np.abs(at[column]))
        up, down = at.copy(), at.copy()
        up[column] += step
        down[column] -= step
        gradient[column] = (function(up) - function(down)) / (up[column] - down[column])
    return gradient


class Snapshot:
    """Copies of named arrays, to see later whether one of them was written into.

    Args:
        to_host: Makes a NumPy array of one of the arrays.
        arrays: Arrays by name.
    """

    def __init__(self, to_host: Callable[[Any], np.ndarray], **arrays: Any) -> None:
        self._to_host = to_host
        self._arrays = arrays
        self._copies = {name: np.array(to_host(array)) for name, array in arrays.items()}

    def assert_unchanged(self, remedy: str) -> None:
        """Raises Violation for the first array that differs from its copy."""
        for name, before in self._copies.items():
            after = self._to_host(self._arrays[name])
            if after.tobytes() != before.tobytes():
                raise Violation(
                    f"{name} was changed, by up to {np.abs(after - before).max():.3g}.", remedy
                )
