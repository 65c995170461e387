"""Norms of a parameter, one a run."""

from __future__ import annotations

from math import prod

from harness import Array, array_namespace

__all__ = ["norm", "root_mean_square", "trust"]


def norm(x: Array) -> Array:
    """The Frobenius norm over all axes but that of the runs: (rows, *shape) to (rows, 1, ..., 1)."""
    xp = array_namespace(x)
    # In a flat array each run is summed alike, however many there are
    squares = xp.reshape(x * x, (x.shape[0], -1))
    return xp.reshape(xp.sqrt(xp.sum(squares, axis=-1)), (x.shape[0], *[1] * (x.ndim - 1)))


def root_mean_square(x: Array) -> Array:
    """The norm over the root of the count of numbers, (rows, 1, ..., 1)."""
    return norm(x) / prod(x.shape[1:]) ** 0.5


def trust(above: Array, below: Array) -> Array:
    """above / below of two norms, and 1 where one of them is 0.

    >>> import numpy as np
    >>> trust(np.array([3.0, 0.0, 1.0]), np.array([2.0, 2.0, 0.0]))
    array([1.5, 1. , 1. ])
    """
    xp = array_namespace(above)
    return xp.where((above > 0) & (below > 0), above / (below + (below <= 0)), 1.0)
