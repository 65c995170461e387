"""The backends that run on this machine, in float64, and the tolerances that they are held to."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

import numpy as np

from harness.errors import ConfigurationError
from harness.registry.registry import Registry
from harness.testing.assertions import relative_difference
from harness.testing.fixtures.problem import train_stack
from harness.testing.fixtures.update_rules import Momentum

__all__ = [
    "TOLERANCE",
    "agreeing_backends",
    "promises_exact_stacks",
    "runnable_backends",
    "stack_tolerance",
    "with_dtype",
]

# Relative, over some tens of steps: between backends, and between a run in a stack and the run alone
TOLERANCE = 1e-10
STACK_TOLERANCE = {"float64": 1e-10, "float32": 1e-4}


def runnable_backends(registry: Registry) -> dict[str, Any]:
    """Every backend that can run here, in float64; those that promise exact stacks come first."""
    runnable = {}
    for name in registry.names("backend"):
        try:
            backend = with_dtype(registry.component("backend", name)(), "float64")
            backend.check()
        except Exception:  # missing or broken: its own conformance check tells
            continue
        runnable[name] = backend
    return dict(sorted(runnable.items(), key=lambda item: not promises_exact_stacks(item[1])))


@cache
def agreeing_backends(registry: Registry) -> dict[str, Any]:
    """Those runnable backends that train the suite's own update rule to the same θ.

    A backend that does not is left to its own conformance check: here every optimizer would fail for it.
    """
    agreeing: dict[str, Any] = {}
    expected: np.ndarray | None = None
    for name, backend in runnable_backends(registry).items():
        try:
            theta = train_stack(backend, [Momentum()], [0]).theta
        except Exception:  # a backend may raise anything
            continue
        if expected is None or relative_difference(theta, expected) <= TOLERANCE:
            expected = theta
            agreeing[name] = backend
    return agreeing


def with_dtype(backend: Any, dtype: str) -> Any:
    """The backend with another `dtype`. Raises ConfigurationError if it has no such field."""
    if backend.dtype == dtype:
        return backend
    if "dtype" not in {field.name for field in dataclasses.fields(backend)}:
        raise ConfigurationError(f"{type(backend).__name__} computes in {backend.dtype} only.")
    return dataclasses.replace(backend, dtype=dtype)


def promises_exact_stacks(backend: Any) -> bool:
    """Whether it promises that a run in a stack is to the last bit what it is alone."""
    return bool(getattr(backend, "exact_stacks", False))


def stack_tolerance(backend: Any) -> float:
    """How far a run in a stack may be from the same run alone, relative."""
    return 0.0 if promises_exact_stacks(backend) else STACK_TOLERANCE[backend.dtype]
