"""Steps of an update rule: as written, and by a backend's updater with a checkpoint in between.

A wrapper is tried around a rule of the suite's own, and the gradient is that of the rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from harness import update
from harness.backends import Block
from harness.batch import Valley
from harness.chain import Chain
from harness.contracts import Array, Scope, State, Turn
from harness.network import Network
from harness.objective import Objective
from harness.testing.problem import SquaredError
from harness.testing.update_rules import Momentum

__all__ = [
    "NETWORK",
    "Walk",
    "descent",
    "gradients",
    "on_gradient",
    "once",
    "rate_of",
    "restored",
    "saved",
    "start",
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


def on_gradient(rule: Any) -> bool:
    """Whether it is a wrapper that changes the gradient."""
    return getattr(rule, "turn", None) is Turn.GRADIENT


def once(rule: Any, theta: Array, gradient: Array, state: State, t: int = 1) -> tuple[Array, State]:
    """One call of `step` itself, at the rule's own rate. The gradient elsewhere is that of a valley."""
    given = (gradient, theta) if on_gradient(rule) else (theta, gradient)
    valley = Valley(theta, theta - gradient)
    more = {"batch": valley} if rule.scope is Scope.OBJECTIVE else {}
    new: tuple[Array, State] = rule.step(*given, state, lr=rate_of(rule), t=t, **more)
    return new


def walk(
    rule: Any, theta: np.ndarray, slopes: np.ndarray, lr: Any, first: Any = 1
) -> tuple[np.ndarray, list[Any]]:
    """θ and the state after one step for each gradient, by the rule as it is written.

    lr: of all steps, a float or (R, 1). first: the number of the first step, likewise. The state is that
    of the rule, or wrapper, itself.
    """
    return _walk(rule, theta, lambda theta, number: slopes[number], len(slopes), lr, first)


def descent(rule: Any, theta: np.ndarray, center: np.ndarray, steps: int) -> np.ndarray:
    """θ after steps down ½‖θ − c‖² by the rule as it is written, at its own rate."""
    return _walk(rule, theta, lambda theta, _: theta - center, steps, rate_of(rule), 1)[0]


def _walk(
    rule: Any,
    theta: np.ndarray,
    slope: Callable[[np.ndarray, int], np.ndarray],
    steps: int,
    lr: Any,
    first: Any,
) -> tuple[np.ndarray, list[Any]]:
    theta = theta.copy()
    blocks = _chain(rule, len(theta))
    states = [update.initial_state(block, theta, NETWORK) for block in blocks]
    for number in range(steps):
        gradient = slope(theta, number).copy()
        valley = Valley(theta, theta - gradient)  # where the given gradient is the one at θ
        for block, state in zip(blocks, states, strict=True):
            of_gradient = block.turn is Turn.GRADIENT
            changed, other = (gradient, theta) if of_gradient else (theta, gradient)
            more = {"batch": valley} if block.rule.scope is Scope.OBJECTIVE else {}
            update.apply(block, changed, other, state, lr, first + number, NETWORK, **more)
    (own,) = (s for block, s in zip(blocks, states, strict=True) if block.rule is rule)
    return theta, own


def _chain(rule: Any, runs: int) -> list[Block]:
    """An update rule by itself, or a wrapper in its turn around one."""
    rows = slice(0, runs)
    turn = getattr(rule, "turn", None)
    if turn is None:
        return [Block(rows, rule)]
    blocks = [Block(rows, rule, turn), Block(rows, Momentum())]
    return blocks[::-1] if turn is Turn.AFTER else blocks


class Walk:
    """Steps of one block of runs by the updater of a backend."""

    def __init__(self, backend: Any, rule: Any, theta: np.ndarray) -> None:
        self._backend = backend
        self._runs = len(theta)
        objective = Objective("squared_error", SquaredError())
        blocks, seeds = [_chain(rule, self._runs)], range(self._runs)
        self._chain = Chain(blocks, backend, NETWORK, objective, seeds)
        rng = np.random.default_rng(13)
        x, target = (backend.place(rng.normal(size=(5, n))) for n in (3, 2))
        self._batch = (x, target)
        self.theta = backend.place(theta)
        self.state = self._chain.init(self.theta)

    def go(self, slopes: np.ndarray, first: int | np.ndarray, lr: np.ndarray) -> np.ndarray:
        """One step for each gradient, (S, R, P). Returns θ on the host.

        first: the number of the first step, or (R, 1). lr: (R, 1).
        """
        for number, slope in enumerate(slopes):
            t = np.zeros((self._runs, 1)) + first + number
            placed = self._backend.place(slope)
            arguments = (self.theta, placed, self.state, lr, t, self._batch)
            self.theta, self.state = self._chain.step(*arguments)
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
