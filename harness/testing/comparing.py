"""Numbers against numbers, and arrays before against after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from harness.testing.verdicts import Violation

__all__ = ["Unchanged", "agree", "differences", "distance", "same"]


def distance(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference, relative to the largest expected number; inf where one is NaN.

    >>> distance(np.array([1.0, 2.2]), np.array([1.0, 2.0])).__round__(3)
    0.1
    """
    with np.errstate(all="ignore"):
        equal = (found == expected) | (np.isnan(found) & np.isnan(expected))
        if equal.all():
            return 0.0
        size = np.abs(expected[np.isfinite(expected)]).max(initial=0.0) or 1.0
        worst = float(np.where(equal, 0.0, np.abs(found - expected)).max()) / float(size)
        return worst if np.isfinite(worst) else float("inf")


def agree(found: Any, expected: Any, tolerance: float, what: str, remedy: str) -> None:
    """Raises Violation unless the arrays are equal: shapes, and numbers to a relative tolerance.

    tolerance: 0 asks for every bit. what: names the two, as in "θ in a stack and alone".
    """
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape:
        raise Violation(
            f"{what} differ in shape: {found.shape} against {expected.shape}.",
            remedy,
        )
    apart = distance(found, expected)
    if apart <= tolerance:
        return
    with np.errstate(all="ignore"):
        unequal = np.abs(found - expected)
        worst = np.unravel_index(
            int(np.argmax(np.where(np.isnan(unequal), np.inf, unequal))), unequal.shape
        )
    asked = f"{tolerance:g} is allowed" if tolerance else "every bit must be equal"
    place = tuple(int(number) for number in worst)
    raise Violation(
        f"{what} differ by {apart:.3g} relative to the largest number; {asked}. The worst is at "
        f"{place}: {found[worst]!s} against {expected[worst]!s}.",
        remedy,
    )


def same(found: Any, expected: Any, what: str, remedy: str) -> None:
    """`agree` to the last bit."""
    agree(found, expected, 0.0, what, remedy)


def differences(f: Callable[[np.ndarray], np.ndarray], at: np.ndarray) -> np.ndarray:
    """∂f_r/∂x_r by central differences, in float64.

    at: (R, ...), R runs, each of which f reads alone: all are moved at once. f: gives (R,).

    >>> differences(lambda x: (x * x).sum(-1), np.array([[1.0, 2.0]])).round(6)
    array([[2., 4.]])
    """
    gradient = np.empty_like(at)
    for index in np.ndindex(at.shape[1:]):
        place = (slice(None), *index)
        step = 1e-6 * np.maximum(1.0, np.abs(at[place]))
        up, down = at.copy(), at.copy()
        up[place] += step
        down[place] -= step
        gradient[place] = (f(up) - f(down)) / (up[place] - down[place])
    return gradient


class Unchanged:
    """Remembers named arrays, and tells which of them have changed since.

    fetch: brings an array to the host.
    """

    def __init__(self, fetch: Callable[[Any], np.ndarray], **arrays: Any) -> None:
        self._fetch = fetch
        self._arrays = arrays
        self._before = {name: np.array(fetch(array)) for name, array in arrays.items()}

    def check(self, remedy: str) -> None:
        """Raises Violation for the first array that is not as it was."""
        for name, before in self._before.items():
            after = self._fetch(self._arrays[name])
            if after.tobytes() != before.tobytes():
                raise Violation(
                    f"{name} was changed, by up to {np.abs(after - before).max():.3g}.", remedy
                )
