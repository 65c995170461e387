"""An update rule as a pure function of the parameters of a network, each an array of its own.

Splitting a flat θ and joining it again at every step takes a fifth of the time of a small network; so θ
and the state are split once an epoch. An elementwise rule may see any slice of θ, and here sees one
parameter at a time; a rule of scope VECTOR gets all of θ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from harness import Network, Scope, State, float_fields, kind_of, update
from harness_jax.columns import Column, with_numbers

__all__ = ["PureRule", "join", "numbers_of", "split"]

Numbers = Mapping[str, Any]  # "lr", "t" and each float field, (R, 1) float64
Parts = list[jax.Array]  # θ, or an array of its shape, by parameter: (R, n) each


def split(theta: jax.Array, network: Network) -> Parts:
    """Each parameter of θ, (R, P), flat."""
    return [theta[:, parameter.start : parameter.stop] for parameter in network.parameters]


def join(parts: Sequence[jax.Array]) -> jax.Array:
    """θ from its parameters."""
    return jnp.concatenate([part.reshape(part.shape[0], -1) for part in parts], axis=1)


def numbers_of(rule: Any, rows: int) -> dict[str, np.ndarray]:
    """The float fields of the rule of a block, (rows, 1) float64 each."""
    return {
        name: np.broadcast_to(np.asarray(getattr(rule, name), np.float64), (rows, 1))
        for name in float_fields(rule)
        if name != "lr"  # the base rate; the rate of a step is an argument
    }


class PureRule:
    """One step of a rule for the runs of a block; the values of its float fields are arguments."""

    def __init__(self, rule: Any, network: Network) -> None:
        self._rule = rule
        self._network = network
        self.signature = kind_of(rule)

    def split_state(self, state: list[State]) -> list[State]:
        """The state in the layout of `harness.update`, split into the pieces that the rule sees."""
        if self._rule.scope is not Scope.ELEMENT:
            return state
        (slots,) = state
        by_name = {name: split(slot, self._network) for name, slot in slots.items()}
        return [
            {name: parts[number] for name, parts in by_name.items()}
            for number in range(len(self._network.parameters))
        ]

    def join_state(self, state: list[State]) -> list[State]:
        """The state back in the layout of `harness.update`."""
        if self._rule.scope is not Scope.ELEMENT:
            return state
        return [{name: join([piece[name] for piece in state]) for name in state[0]}]

    def __call__(
        self, theta: Parts, gradient: Parts, state: list[State], numbers: Numbers
    ) -> tuple[Parts, list[State]]:
        """The new θ and the new state."""
        pieces = zip(self._pieces(theta), self._pieces(gradient), state, strict=True)
        stepped = [self._step(number, *piece, numbers) for number, piece in enumerate(pieces)]
        new = [theta for theta, _ in stepped]
        if self._rule.scope is Scope.VECTOR:
            new = split(new[0], self._network)
        new = [part.reshape(old.shape) for part, old in zip(new, theta, strict=True)]
        return new, [slots for _, slots in stepped]

    def _pieces(self, parts: Parts) -> list[jax.Array]:
        if self._rule.scope is Scope.VECTOR:
            return [join(parts)]
        if self._rule.scope is Scope.TENSOR:
            return [
                part.reshape(part.shape[0], *parameter.shape)
                for part, parameter in zip(parts, self._network.parameters, strict=True)
            ]
        return parts

    def _step(
        self,
        number: int,
        theta: jax.Array,
        gradient: jax.Array,
        state: State,
        numbers: Numbers,
    ) -> tuple[jax.Array, State]:
        axes = [1] * (theta.ndim - 1)
        shaped = {name: value.reshape(-1, *axes) for name, value in numbers.items()}
        columns: dict[str, Any] = {name: Column(value) for name, value in shaped.items()}
        try:
            new, slots = self._call(number, theta, gradient, state, columns)
        except (AttributeError, TypeError):  # a function of the namespace, which takes only arrays
            rounded = {name: value.astype(theta.dtype) for name, value in shaped.items()}
            new, slots = self._call(number, theta, gradient, state, rounded)
        slots = {name: slots[name].astype(slot.dtype) for name, slot in state.items()}
        return new.astype(theta.dtype), slots

    def _call(
        self, number: int, theta: jax.Array, gradient: jax.Array, state: State, numbers: Numbers
    ) -> tuple[Any, State]:
        rule = with_numbers(self._rule, numbers)
        if rule.scope is Scope.TENSOR:
            rule = update.rule_for(rule, self._network.parameters[number], self._network)
        return rule.step(theta, gradient, state, lr=numbers["lr"], t=numbers["t"])
