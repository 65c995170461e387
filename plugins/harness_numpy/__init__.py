"""The NumPy backend: back-propagation written out, update rules in cache-sized pieces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

import harness
from harness import Block, Network, Objective, Program, Updater, check_choice, check_range

__all__ = ["Numpy", "harness_backends"]


@dataclass(frozen=True)
class Numpy:
    """NumPy with back-propagation written out: the fastest for small networks on a CPU.

    dtype: precision of the parameters and of all arithmetic, "float32" or "float64". threads: of a
    matrix product. One is best for small networks, several only for large ones on idle cores.
    """

    dtype: str = "float32"
    threads: int = 1

    def __post_init__(self) -> None:
        check_choice(self, "dtype", ("float32", "float64"))
        check_range(self, "threads", 1)

    def check(self) -> None:
        """NumPy is always there."""

    def place(self, array: np.ndarray) -> np.ndarray:
        """A contiguous copy; floats in `dtype`."""
        kind = self.dtype if np.issubdtype(np.asarray(array).dtype, np.floating) else None
        return np.array(array, dtype=kind, order="C")

    def fetch(self, array: np.ndarray) -> np.ndarray:
        """A copy."""
        return np.array(array)

    def bind(self, network: Network, objective: Objective) -> Program:
        """The written-out program."""
        from threadpoolctl import threadpool_limits

        from harness_numpy.program import NumpyProgram

        threadpool_limits(self.threads, user_api="blas")  # for the whole process
        return NumpyProgram(network, objective.placed(self.place), self.dtype)

    def updater(self, blocks: Sequence[Block], network: Network) -> Updater:
        """Update rules, traced and run in place."""
        from harness_numpy.updater import NumpyUpdater

        return NumpyUpdater(blocks, network, self.dtype)


@harness.hookimpl
def harness_backends() -> dict[str, type]:
    """One backend, `numpy`."""
    return {"numpy": Numpy}
