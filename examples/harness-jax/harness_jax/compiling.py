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

from harness_jax.groups import Sizes, filled, groups

__all__ = ["Device", "computed", "resident"]

Function = Callable[..., Any]


@dataclass(frozen=True)
class Device:
    """Where functions run. largest: how many runs train in one call at most, a power of four."""

    device: jax.Device
    dtype: str
    largest: int

    def floats(self, array: Any) -> np.ndarray:
        """On the host, in the precision of θ."""
        return np.asarray(array, self.dtype)


_functions: dict[Hashable, Function] = {}  # by key and size
_sizes = Sizes()
_compiling: dict[Hashable, threading.Lock] = defaultdict(threading.Lock)


def computed(
    key: Hashable, function: Function, device: Device, largest: int, runs: Any, *shared: Any
) -> Iterator[tuple[slice, Any]]:
    """The results of function(runs, *shared), for one group of runs after another, filled up.

    runs: arrays, in dicts, lists and tuples, whose first axis is that of the runs. shared: those that
    all runs share. key: equal for functions that compute the same, of arrays that have the same shapes
    but for the number of runs. largest: the most runs of a group.
    """
    key = key, device
    for rows in groups(len(jax.tree.leaves(runs)[0]), largest):
        count = rows.stop - rows.start
        size = _sizes.choose(key, count)
        start = perf_counter()
        result = _call(key, function, device, size, (filled(runs, rows, size), *shared))
        _sizes.ran(key, count, size, perf_counter() - start)
        yield rows, result


def _call(key: Hashable, function: Function, device: Device, size: int, arguments: Any) -> Any:
    # Double precision is there inside, for columns and for dtype=float64, whatever the process has set:
    # this holds for this thread and this call
    with jax.enable_x64(True), jax.default_device(device.device):
        if (key, size) not in _functions:
            with _compiling[key, size]:  # two stacks may come to it at once
                if (key, size) not in _functions:
                    start = perf_counter()
                    jitted = _jitted(function, device)
                    result = _done(jitted(*arguments))
                    _sizes.compiled(key, size, perf_counter() - start)
                    _functions[key, size] = jitted
                    return result
        return _done(_functions[key, size](*arguments))


def _done(result: Any) -> Any:
    return jax.block_until_ready(result)  # type: ignore[no-untyped-call]


def _jitted(function: Function, device: Device) -> Function:
    # One thread a stack: small products gain nothing from more, and the other cores are other stacks'
    single = {"xla_cpu_multi_thread_eigen": False} if device.device.platform == "cpu" else None
    return jax.jit(function, compiler_options=single)


_resident: dict[tuple[int, jax.Device], jax.Array] = {}


def resident(array: np.ndarray, device: jax.Device) -> jax.Array:
    """The array on the device, for as long as it is in use on the host."""
    key = id(array), device
    if key not in _resident:
        with jax.enable_x64(True):
            _resident[key] = jax.device_put(array, device, may_alias=False)
        weakref.finalize(array, _resident.pop, key, None)
    return _resident[key]
