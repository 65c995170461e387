"""Whether a piece of work touches the generators that a whole process shares."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from harness.testing.verdicts import Violation

__all__ = ["leaves_global_generators_alone"]

SEED = (
    20240229  # one that nobody else sets: a component that always seeds with its own is seen, too
)


def leaves_global_generators_alone(work: Callable[[], object], remedy: str) -> None:
    """Does the work, and raises Violation if it drew from, or seeded, a generator of the process.

    Those are the generator of Python's `random`, NumPy's legacy one behind `np.random.normal`, and
    PyTorch's on the host where PyTorch is loaded. Afterwards they are as before.
    """
    before = _states()
    try:
        _seed()
        started = _states()
        work()
        ended = _states()
    finally:
        _restore(before)
    touched = [name for name in started if not _equal(started[name], ended[name])]
    if touched:
        raise Violation(f"The state of {' and of '.join(touched)} has changed.", remedy)


def _torch() -> Any:
    return sys.modules.get("torch")


def _states() -> dict[str, Any]:
    found = {"Python's random": random.getstate(), "np.random": np.random.get_state()}  # noqa: NPY002
    if _torch():
        found["torch's generator"] = _torch().get_rng_state()
    return found


def _seed() -> None:
    random.seed(SEED)
    np.random.seed(SEED)  # noqa: NPY002 - what is looked after
    if _torch():
        _torch().manual_seed(SEED)


def _restore(states: dict[str, Any]) -> None:
    random.setstate(states["Python's random"])
    np.random.set_state(states["np.random"])  # noqa: NPY002
    if "torch's generator" in states:
        _torch().set_rng_state(states["torch's generator"])


def _equal(one: Any, other: Any) -> bool:
    return repr(_plain(one)) == repr(_plain(other))


def _plain(state: Any) -> Any:
    """The numbers of a state as lists, all of them: repr shortens arrays."""
    if isinstance(state, tuple):
        return [_plain(part) for part in state]
    return state.tolist() if hasattr(state, "tolist") else state
