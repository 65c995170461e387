"""Compiled functions, shared by all stacks of the process."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

__all__ = ["Device", "called", "resident"]


@dataclass(frozen=True)
class Device:
    """Where functions run, and how many runs they are compiled for at most."""

    device: jax.Device
    dtype: str
    largest: int

    def floats(self, array: Any) -> np.ndarray:
        """On the host, in the precision of θ."""
        return np.asarray(array, self.dtype)


_functions: dict[Hashable, Callable[..., Any]] = {}
_compiled: set[Hashable] = set()
_compiling: dict[Hashable, threading.Lock] = {}
_guard = threading.Lock()


def called(key: Hashable, function: Callable[..., Any], device: Device, *arguments: Any) -> Any:
    """The function's result, compiled once for equal keys, shapes and devices.

    key: equal for functions that compute the same. Double precision is there inside, for columns and for
    dtype=float64, whatever the process has set: `jax.enable_x64` holds for this thread and this call.
    """
    with jax.enable_x64(True), jax.default_device(device.device):
        shapes = tuple((array.shape, array.dtype) for array in jax.tree.leaves(arguments))
        whole = (key, device, shapes)
        if whole in _compiled:
            return _functions[key, device](*arguments)
        with _guard:
            jitted = _functions.setdefault((key, device), _jitted(function, device))
            lock = _compiling.setdefault(whole, threading.Lock())
        with lock:  # two stacks that come to the same function at once need it compiled once
            result = jitted(*arguments)
            _compiled.add(whole)
        return result


def _jitted(function: Callable[..., Any], device: Device) -> Callable[..., Any]:
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
