"""Runs update rules one step at a time, where the core's own loop trains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from harness import Block, Network, State, float_fields, update
from harness_jax.buckets import write_rows
from harness_jax.columns import with_numbers
from harness_jax.compiling import Device, compute
from harness_jax.rules import PureRule, join, numbers_of, split

__all__ = ["JaxUpdater", "traceable"]


def traceable(rule: Any, network: Network, dtype: str) -> bool:
    """Whether a rule can be called without numbers, as JAX calls it before it compiles."""
    key = PureRule(rule, network).signature, network, dtype
    if key not in _traceable:  # needed whenever runs come or go, and takes some 30 ms
        _traceable[key] = _can_trace(_of_one_run(rule), network, dtype)
    return _traceable[key]


_traceable: dict[tuple[str, Network, str], bool] = {}


def _can_trace(rule: Any, network: Network, dtype: str) -> bool:
    theta = np.zeros((1, network.size), dtype)
    state = update.initial_state(Block(slice(0, 1), rule), theta, network)
    numbers = {name: np.ones((1, 1)) for name in ("lr", "t", *float_fields(rule))}
    try:
        with jax.enable_x64(True):
            jax.eval_shape(_step_function(rule, network), (theta, theta, state, numbers))
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
        """One step of every block; `lr` and `t` are (R, 1) float64."""
        for block, slots, traced in zip(self._blocks, state, self._traceable, strict=True):
            if traced:
                self._compiled(block, theta, gradient, slots, lr, t)
            else:
                rule = update.with_columns(block.rule, self._device.floats)
                converted = Block(block.rows, rule)
                rate, number = self._device.floats(lr), self._device.floats(t)
                update.apply(converted, theta, gradient, slots, rate, number, self._network)
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
        span = block.rows
        numbers = {"lr": lr[span], "t": t[span], **numbers_of(block.rule, span.stop - span.start)}
        runs = theta[span], gradient[span], state, numbers
        key = "update", self._network, PureRule(block.rule, self._network).signature
        function = _step_function(block.rule, self._network)
        for rows, new in compute(key, function, self._device, self._device.largest, runs):
            write_rows([theta[span], state], new, rows)


def _step_function(rule: Any, network: Network) -> Any:
    """One step as a function of θ, the gradient, the state and the numbers."""
    pure = PureRule(rule, network)

    def step(runs: tuple[Any, Any, list[State], dict[str, Any]]) -> Any:
        theta, gradient, state, numbers = runs
        new, new_state = pure(
            split(theta, network), split(gradient, network), pure.split_state(state), numbers
        )
        return join(new), pure.join_state(new_state)

    return step


def _of_one_run(rule: Any) -> Any:
    """The rule with one value for each float field."""
    return with_numbers(
        rule, {name: float(np.ravel(getattr(rule, name))[0]) for name in float_fields(rule)}
    )
