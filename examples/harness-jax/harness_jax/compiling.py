"""Compiled functions, shared by all stacks of the process."""

from __future__ import annotations

import threading
import weakref
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import jax
import numpy as np

from harness_jax.buckets import BucketSizes, chunks, padded

__all__ = ["Device", "compute", "on_device"]

Function = Callable[..., Any]


@dataclass(frozen=True)
class Device:
    """Where functions run.

    Attributes:
        device: The device of JAX.
        dtype: Precision of θ, "float32" or "float64".
        largest: The most runs that train in one call, a power of four.
    """

    device: jax.Device
    dtype: str
    largest: int

    def floats(self, array: Any) -> np.ndarray:
        """The array on the host, in the precision of θ."""
        return np.asarray(array, self.dtype)


_functions: dict[Hashable, Function] = {}  # by key and size
_sizes = BucketSizes()
_compiling: dict[Hashable, threading.Lock] = defaultdict(threading.Lock)


def compute(
    key: Hashable, function: Function, device: Device, largest: int, runs: Any, *shared: Any
) -> Iterator[tuple[slice, Any]]:
    """The results of function(runs, *shared), bucket by bucket, padding included.

    Args:
        key: Equal for functions that compute the same on arrays whose shapes differ only in the number
            of runs.
        function: The function.
        device: Where it runs.
        largest: The most runs of a bucket.
        runs: Arrays, in dicts, lists and tuples, whose first axis is that of the runs.
        shared: Arrays that all runs share.

    Yields:
        The rows of a bucket, and its result.
    """
    key = key, device
    for rows in chunks(len(jax.tree.leaves(runs)[0]), largest):
        count = rows.stop - rows.start
        size = _sizes.choose(key, count)
        start = perf_counter()
        result = _call(key, function, device, size, (padded(runs, rows, size), *shared))
        _sizes.ran(key, count, size, perf_counter() - start)
        yield rows, result


def _call(key: Hashable, function: Function, device: Device, size: int, arguments: Any) -> Any:
    # Double precision, for columns and for dtype=float64, whatever the process has set: for this thread
    # and this call only
    with jax.enable_x64(True), jax.default_device(device.device):
        if (key, size) not in _functions:
            with _compiling[key, size]:  # two stacks may need it at once
                if (key, size) not in _functions:
                    start = perf_counter()
                    jitted = _jitted(function, device)
                    result = _wait(jitted(*arguments))
                    _sizes.compiled(key, size, perf_counter() - start)
                    _functions[key, size] = jitted
                    return result
        return _wait(_functions[key, size](*arguments))


def _wait(result: Any) -> Any:
    return jax.block_until_ready(result)  # type: ignore[no-untyped-call]


def _jitted(function: Function, device: Device) -> Function:
    # One thread a stack: small products gain nothing from more, and other stacks need the other cores
    single = {"xla_cpu_multi_thread_eigen": False} if device.device.platform == "cpu" else None
    return jax.jit(function, compiler_options=single)


_on_device: dict[tuple[int, jax.Device], jax.Array] = {}


def on_device(array: np.ndarray, device: jax.Device) -> jax.Array:
    """The array on the device, for as long as it is in use on the host."""
    key = id(array), device
    if key not in _on_device:
        with jax.enable_x64(True):
            _on_device[key] = jax.device_put(array, device, may_alias=False)
        weakref.finalize(array, _on_device.pop, key, None)
    return _on_device[key]
