"""Runs update rules one step at a time, where the core's own loop trains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from harness import Block, Network, State, float_fields, update
from harness_jax.columns import with_numbers
from harness_jax.compiling import Device, computed
from harness_jax.groups import write
from harness_jax.rules import PureRule, cut, joined, numbers_of

__all__ = ["JaxUpdater", "traceable"]


def traceable(rule: Any, network: Network, dtype: str) -> bool:
    """Whether a rule can be called without numbers, as JAX has to do before it compiles."""
    key = PureRule(rule, network).signature, network, dtype
    if key not in _traceable:  # asked for whenever runs come or go, and takes some 30 ms
        _traceable[key] = _can_trace(_alone(rule), network, dtype)
    return _traceable[key]


_traceable: dict[tuple[str, Network, str], bool] = {}


def _can_trace(rule: Any, network: Network, dtype: str) -> bool:
    theta = np.zeros((1, network.size), dtype)
    state = update.initial_state(Block(slice(0, 1), rule), theta, network)
    numbers = {name: np.ones((1, 1)) for name in ("lr", "t", *float_fields(rule))}
    try:
        with jax.enable_x64(True):
            jax.eval_shape(_stepping(rule, network), (theta, theta, state, numbers))
    except (AttributeError, IndexError, NotImplementedError, TypeError, ValueError):
        return False
    return True


class JaxUpdater:
    """See harness.Updater. Writes into θ and the state."""

    def __init__(self, blocks: Sequence[Block], network: Network, device: Device) -> None:
        self._blocks = list(blocks)
        self._network = network
        self._device = device
        self._traceable = [traceable(b.rule, network, device.dtype) for b in blocks]

    def init(self, theta: np.ndarray) -> list[list[State]]:
        """The state of each block."""
        return [update.initial_state(block, theta, self._network) for block in self._blocks]

    def __call__(
        self,
        theta: np.ndarray,
        gradient: np.ndarray,
        state: list[list[State]],
        lr: np.ndarray,
        t: np.ndarray,
    ) -> tuple[np.ndarray, list[list[State]]]:
        """One step of every block; lr, t: (R, 1) float64."""
        for block, slots, traced in zip(self._blocks, state, self._traceable, strict=True):
            if traced:
                self._compiled(block, theta, gradient, slots, lr, t)
            else:
                rule = update.with_columns(block.rule, self._device.floats)
                own = Block(block.rows, rule)
                rate, number = self._device.floats(lr), self._device.floats(t)
                update.apply(own, theta, gradient, slots, rate, number, self._network)
        return theta, state

    def _compiled(
        self,
        block: Block,
        theta: np.ndarray,
        gradient: np.ndarray,
        state: list[State],
        lr: np.ndarray,
        t: np.ndarray,
    ) -> None:
        own = block.rows
        numbers = {"lr": lr[own], "t": t[own], **numbers_of(block.rule, own.stop - own.start)}
        runs = theta[own], gradient[own], state, numbers
        key = "update", self._network, PureRule(block.rule, self._network).signature
        function = _stepping(block.rule, self._network)
        for rows, new in computed(key, function, self._device, self._device.largest, runs):
            write([theta[own], state], new, rows)


def _stepping(rule: Any, network: Network) -> Any:
    """One step as a function of θ, the gradient, the state and the numbers."""
    pure = PureRule(rule, network)

    def step(runs: tuple[Any, Any, list[State], dict[str, Any]]) -> Any:
        theta, gradient, state, numbers = runs
        new, new_state = pure(
            cut(theta, network), cut(gradient, network), pure.opened(state), numbers
        )
        return joined(new), pure.closed(new_state)

    return step


def _alone(rule: Any) -> Any:
    """The rule with one value for each float field."""
    return with_numbers(
        rule, {name: float(np.ravel(getattr(rule, name))[0]) for name in float_fields(rule)}
    )
