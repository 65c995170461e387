"""Whether some work touches the random generators that a whole process shares."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from harness.testing.check_results import Violation

__all__ = ["assert_global_generators_untouched"]

# An unlikely number, since a component that seeds with the same one would go unnoticed
SEED = 20240229


def assert_global_generators_untouched(work: Callable[[], object], remedy: str) -> None:
    """Does the work; raises Violation if it drew from a global generator or seeded one.

    These are the generator of Python's `random`, NumPy's legacy one behind `np.random.normal`, and the
    host's one of PyTorch where PyTorch is loaded. Their states are restored afterwards.
    """
    original = _states()
    try:
        _seed()
        before = _states()
        work()
        after = _states()
    finally:
        _restore(original)
    changed = [name for name in before if not _equal(before[name], after[name])]
    if changed:
        raise Violation(f"The state of {' and of '.join(changed)} has changed.", remedy)


def _torch() -> Any:
    return sys.modules.get("torch")


def _states() -> dict[str, Any]:
    states = {"Python's random": random.getstate(), "np.random": np.random.get_state()}  # noqa: NPY002 - as below
    if _torch():
        states["torch's generator"] = _torch().get_rng_state()
    return states


def _seed() -> None:
    random.seed(SEED)
    np.random.seed(SEED)  # noqa: NPY002 - this is the generator to watch
    if _torch():
        _torch().manual_seed(SEED)


def _restore(states: dict[str, Any]) -> None:
    random.setstate(states["Python's random"])
    np.random.set_state(states["np.random"])  # noqa: NPY002 - as above
    if "torch's generator" in states:
        _torch().set_rng_state(states["torch's generator"])


def _equal(first: Any, second: Any) -> bool:
    return repr(_as_lists(first)) == repr(_as_lists(second))


def _as_lists(state: Any) -> Any:
    """The state with lists instead of arrays, since the repr of a long array leaves numbers out."""
    if isinstance(state, tuple):
        return [_as_lists(part) for part in state]
    return state.tolist() if hasattr(state, "tolist") else state
