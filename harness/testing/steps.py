"""Steps of an update rule: as written, and by a backend's updater with a checkpoint in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from harness import update
from harness.batch import Valley, WithBatch
from harness.contracts import Array, Block, Scope, State
from harness.network import Network
from harness.objective import Objective
from harness.testing.problem import SquaredError

__all__ = [
    "NETWORK",
    "Walk",
    "gradients",
    "once",
    "rate_of",
    "restored",
    "saved",
    "start",
    "stepped",
    "walk",
]

NETWORK = Network((3, 4, 2), "tanh", 0.01, True)  # P = 26
RATE = 0.1  # of what has none of its own, a wrapper


def start(runs: int, dtype: str = "float64") -> np.ndarray:
    """θ, (R, P)."""
    return np.random.default_rng(11).normal(size=(runs, NETWORK.size)).astype(dtype)


def gradients(steps: int, runs: int, dtype: str = "float64") -> np.ndarray:
    """A gradient for each step, (S, R, P)."""
    return np.random.default_rng(12).normal(size=(steps, runs, NETWORK.size)).astype(dtype)


def rate_of(rule: Any) -> float:
    """The base rate of a rule, or one for a wrapper."""
    rate: float = getattr(rule, "lr", RATE)
    return rate


def once(rule: Any, theta: Array, gradient: Array, state: State, t: int = 1) -> tuple[Array, State]:
    """One call of `step` itself, at the rule's own rate. The gradient elsewhere is that of a valley."""
    more = _more(rule, theta, gradient)
    new: tuple[Array, State] = rule.step(theta, gradient, state, lr=rate_of(rule), t=t, **more)
    return new


def _more(rule: Any, theta: Array, gradient: Array) -> dict[str, Any]:
    """What else a rule of scope OBJECTIVE is called with: here the given gradient is the one at θ."""
    if rule.scope is not Scope.OBJECTIVE:
        return {}
    return {"batch": Valley(theta, theta - gradient)}


def walk(
    rule: Any, theta: np.ndarray, slopes: np.ndarray, lr: Any, first: Any = 1
) -> tuple[np.ndarray, list[Any]]:
    """θ and the state after one step for each gradient, by the rule as it is written.

    lr: of all steps, a float or (R, 1). first: the number of the first step, likewise.
    """
    block = Block(slice(0, len(theta)), rule)
    theta = theta.copy()
    state = update.initial_state(block, theta, NETWORK)
    for number, slope in enumerate(slopes):
        more = _more(rule, theta.copy(), slope)
        update.apply(block, theta, slope.copy(), state, lr, first + number, NETWORK, **more)
    return theta, state


def stepped(
    rule: Any, theta: np.ndarray, gradient: Callable[[np.ndarray, int], np.ndarray], steps: int
) -> np.ndarray:
    """θ after calls of `rule.step` itself, at its own rate. gradient: of θ at step t."""
    state = rule.init(theta)
    for t in range(1, steps + 1):
        theta, state = once(rule, theta, gradient(theta, t).copy(), state, t)
    return theta


class Walk:
    """Steps of one block of runs by the updater of a backend."""

    def __init__(self, backend: Any, rule: Any, theta: np.ndarray) -> None:
        self._backend = backend
        self._runs = len(theta)
        block = Block(slice(0, self._runs), rule)
        self._update: Any = backend.updater([block], NETWORK)
        self._more: list[Any] = []
        if rule.scope is Scope.OBJECTIVE:
            objective = Objective("squared_error", SquaredError())
            self._update = WithBatch(block, backend, NETWORK, objective, range(self._runs))
            rng = np.random.default_rng(13)
            self._more = [tuple(backend.place(rng.normal(size=(5, n))) for n in (3, 2))]
        self.theta = backend.place(theta)
        self.state = self._update.init(self.theta)

    def go(self, slopes: np.ndarray, first: int | np.ndarray, lr: np.ndarray) -> np.ndarray:
        """One step for each gradient, (S, R, P). Returns θ on the host.

        first: the number of the first step, or (R, 1). lr: (R, 1).
        """
        for number, slope in enumerate(slopes):
            t = np.zeros((self._runs, 1)) + first + number
            placed = self._backend.place(slope)
            arguments = (self.theta, placed, self.state, lr, t, *self._more)
            self.theta, self.state = self._update(*arguments)
        return self._backend.fetch(self.theta)


def saved(backend: Any, state: Any) -> bytes:
    """A state as safetensors: named arrays, and nothing else."""
    from safetensors.numpy import save

    return save({name: backend.fetch(array) for name, array in _leaves(state)})


def restored(backend: Any, content: bytes, like: Any) -> Any:
    """The state from `saved`, in the lists and dictionaries of a state like it."""
    from safetensors.numpy import load

    arrays = load(content)

    def build(name: str, part: Any) -> Any:
        if isinstance(part, dict):
            return {key: build(f"{name}.{key}", value) for key, value in part.items()}
        if isinstance(part, list):
            return [build(f"{name}.{number}", value) for number, value in enumerate(part)]
        return backend.place(arrays[name])

    return build("state", like)


def _leaves(part: Any, name: str = "state") -> Iterator[tuple[str, Any]]:
    if isinstance(part, dict):
        for key, value in part.items():
            yield from _leaves(value, f"{name}.{key}")
    elif isinstance(part, list):
        for number, value in enumerate(part):
            yield from _leaves(value, f"{name}.{number}")
    else:
        yield name, part
