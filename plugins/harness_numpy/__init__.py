"""The NumPy backend: back-propagation written out, update rules in place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

import harness
from harness import Block, Network, Objective, Program, Step, Updater, check_choice, check_range

__all__ = ["Numpy", "harness_backends"]

harness_contract = 1


# Limits of a stack. The step of a small run gets cheaper with more runs, until NumPy's overhead is
# shared out; that of a large run gets dearer once the runs no longer fit into the cache together. Time
# per run and step by the size of the stack, in µs (Adam, float32, 2 MB of second-level cache a core):
#                              1     4     8    16    32    64   128
#     64-64-10, batch 32      60    33    31    28    29    31    28
#     784-64-10, batch 32    277   270   251   247   283   320   346
#     784-512-256-10, 128   4334  4960  5051  5245  5124  5366
CACHE = 3 * 2**20  # bytes of θ
MEMORY = 2**30  # bytes of activations: for full batches of many samples
LARGEST = 128


@dataclass(frozen=True)
class Numpy:
    """NumPy with back-propagation written out: the fastest for small networks on a CPU.

    Attributes:
        dtype: Precision of the parameters and of all arithmetic, "float32" or "float64".
        threads: Threads of a matrix product, 1 or more; one is best for small networks, several
            only for large ones on idle cores.
    """

    dtype: str = "float32"
    threads: int = 1

    forkable: ClassVar[bool] = True
    exact_stacks: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_choice(self, "dtype", ("float32", "float64"))
        check_range(self, "threads", 1)

    def check(self) -> None:
        """Does nothing: NumPy is always installed."""

    def capacity(self, network: Network, batch_size: int) -> int:
        """The most runs of a stack: as many as fit into the cache, and at least one."""
        itemsize = np.dtype(self.dtype).itemsize
        activations = 4 * batch_size * sum(network.sizes) * itemsize
        fitting = min(CACHE // (network.size * itemsize), MEMORY // activations)
        return max(1, min(fitting, LARGEST))

    def to_device(self, array: np.ndarray) -> np.ndarray:
        """A contiguous copy; floats in `dtype`."""
        kind = self.dtype if np.issubdtype(np.asarray(array).dtype, np.floating) else None
        return np.array(array, dtype=kind, order="C")

    def to_host(self, array: np.ndarray) -> np.ndarray:
        """A copy."""
        return np.array(array)

    def bind(self, network: Network, objective: Objective) -> Program:
        """The written-out program."""
        from harness_numpy.program import NumpyProgram

        _limit_threads(self.threads)
        return NumpyProgram(network, objective.map_factors(self.to_device), self.dtype)

    def updater(self, blocks: Sequence[Block], network: Network) -> Updater:
        """Update rules, traced and run in place."""
        from harness_numpy.updater import NumpyUpdater

        return NumpyUpdater(blocks, network, self.dtype)

    def compiled(self, step: Step, features: np.ndarray, targets: np.ndarray, steps: int) -> None:
        """None: the loop runs NumPy's own compiled functions."""


@lru_cache(maxsize=1)  # cached: asking the libraries takes longer than a short epoch
def _limit_threads(threads: int) -> None:
    """Limits the threads of matrix products, for the whole process."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(threads, user_api="blas")


@harness.hookimpl
def harness_backends() -> dict[str, type]:
    """One backend, `numpy`."""
    return {"numpy": Numpy}
