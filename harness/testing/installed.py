"""The backends that run on this machine, in double precision, and what each of them promises."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

import numpy as np

from harness.errors import ConfigurationError
from harness.registry.registry import Registry
from harness.testing.comparing import distance
from harness.testing.fixtures.problem import trained
from harness.testing.fixtures.update_rules import Momentum

__all__ = ["TOLERANCE", "backends", "exact", "in_precision", "stack_tolerance", "trainers"]

# Relative, over some tens of steps: between backends, and between a run in a stack and the run alone
TOLERANCE = 1e-10
STACK_TOLERANCE = {"float64": 1e-10, "float32": 1e-4}


def backends(registry: Registry) -> dict[str, Any]:
    """Every backend that can run here, in float64; those that promise every bit come first."""
    found = {}
    for name in registry.names("backend"):
        try:
            backend = in_precision(registry.component("backend", name)(), "float64")
            backend.check()
        except Exception:  # missing here, or broken: what its own check tells
            continue
        found[name] = backend
    return dict(sorted(found.items(), key=lambda item: not exact(item[1])))


@cache
def trainers(registry: Registry) -> dict[str, Any]:
    """Those backends that train the suite's own update rule, each to the θ of the one before.

    One that does not is left out, for its own check to tell: it would spoil that of every optimizer.
    """
    found: dict[str, Any] = {}
    expected: np.ndarray | None = None
    for name, backend in backends(registry).items():
        try:
            theta = trained(backend, [Momentum()], [0]).theta
        except Exception:  # whatever a backend does, only it suffers
            continue
        if expected is None or distance(theta, expected) <= TOLERANCE:
            expected = theta
            found[name] = backend
    return found


def in_precision(backend: Any, dtype: str) -> Any:
    """The backend with another `dtype`. Raises ConfigurationError where it has no such."""
    if backend.dtype == dtype:
        return backend
    if "dtype" not in {field.name for field in dataclasses.fields(backend)}:
        raise ConfigurationError(f"{type(backend).__name__} computes in {backend.dtype} only.")
    return dataclasses.replace(backend, dtype=dtype)


def exact(backend: Any) -> bool:
    """Whether it promises that a run in a stack is to the last bit what it is alone."""
    return bool(getattr(backend, "exact_stacks", False))


def stack_tolerance(backend: Any) -> float:
    """How far a run in a stack may be from the same run alone."""
    return 0.0 if exact(backend) else STACK_TOLERANCE[backend.dtype]
