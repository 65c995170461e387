"""An epoch as one compiled function: a scan over gather, forward, backward, update."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from itertools import groupby, islice
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from harness import Block, Objective, State, Step, Turn
from harness_jax.compiling import Device, computed, resident
from harness_jax.groups import write
from harness_jax.program import factors, gradient, of_objective, with_factors
from harness_jax.rules import Parts, PureRule, cut, joined, numbers_of

__all__ = ["JaxPass"]

Terms = OrderedDict[str, jax.Array]  # in the order of the objective, which a dict would lose in JAX


class Runs(NamedTuple):
    """What the epoch of R runs is computed from: the first axis of each array is that of the runs.

    state: of each block. order: (R, N), or None where all share one. lr: (R, S). t: (R, 1). numbers: of
    each block the float fields of its rule, (R, 1). factors: (R,) each. Another value is no other
    compilation.
    """

    theta: Any
    state: list[list[State]]
    order: Any
    lr: Any
    t: Any
    numbers: list[dict[str, Any]]
    factors: list[Any]


class _ChainEpoch:
    """The epoch of the runs of one rule, with what is wrapped around it. Each rule has its own: runs do
    not depend on one another, and so no mixture of rules is a new shape."""

    def __init__(self, step: Step, blocks: Sequence[Block]) -> None:
        self._network = step.network
        self._objective = step.objective
        self._batch_size = step.batch_size
        self._rules = [PureRule(block.rule, step.network) for block in blocks]
        self._turns = [block.turn for block in blocks]
        self.rows = blocks[0].rows
        runs = self.rows.stop - self.rows.start
        self.numbers = [numbers_of(block.rule, runs) for block in blocks]
        self.signature = repr(
            (
                step.network,
                of_objective(step.objective),
                [
                    (rule.signature, turn)
                    for rule, turn in zip(self._rules, self._turns, strict=True)
                ],
                step.batch_size,
            )
        )

    def __call__(
        self, runs: Runs, shared: jax.Array | None, features: jax.Array, targets: jax.Array
    ) -> tuple[jax.Array, list[list[State]], list[Terms]]:
        """The new θ and state, and the terms of the whole batches, (S, R), and of the rest, (1, R).

        shared: the order of all runs, (N,), or None.
        """
        order = runs.order if shared is None else shared
        objective = with_factors(self._objective, runs.factors)

        def step(carry: tuple[Parts, list[list[State]]], given: Any) -> Any:
            rows, lr, t = given
            numbers = [{**own, "lr": lr[:, None], "t": t} for own in runs.numbers]
            return self._step(objective, *carry, features[rows], targets[rows], numbers)

        rates = runs.lr.T
        numbers = runs.t + jnp.arange(len(rates), dtype=runs.t.dtype)[:, None, None]  # (S, R, 1)
        opened = [rule.opened(own) for rule, own in zip(self._rules, runs.state, strict=True)]
        carry = cut(runs.theta, self._network), opened
        terms, start = [], 0
        for batches in _batches(order, self._batch_size):
            stop = start + len(batches)
            given = batches, rates[start:stop], numbers[start:stop]
            carry, found = jax.lax.scan(step, carry, given)
            terms.append(found)
            start = stop
        theta, state = carry
        closed = [rule.closed(own) for rule, own in zip(self._rules, state, strict=True)]
        return joined(theta), closed, terms

    def _step(
        self,
        objective: Objective,
        theta: Parts,
        state: list[list[State]],
        x: jax.Array,
        target: jax.Array,
        numbers: list[dict[str, Any]],
    ) -> tuple[tuple[Parts, list[list[State]]], Terms]:
        forward, slopes = gradient(self._network, objective, theta, x, target)
        # θ in one piece is made only where a term reads it: XLA leaves out what nobody uses
        terms = OrderedDict(objective.terms(forward, target, joined(theta)))
        new_state = []
        for rule, turn, slots, own in zip(self._rules, self._turns, state, numbers, strict=True):
            if turn is Turn.GRADIENT:
                slopes, new = rule(slopes, theta, slots, own)
            else:
                theta, new = rule(theta, slopes, slots, own)
            new_state.append(new)
        return (theta, new_state), terms


def _batches(order: jax.Array, size: int) -> list[jax.Array]:
    """The row numbers of the whole batches, (S, [R,] B), and of the smaller one that may be left."""
    whole = order.shape[-1] // size * size
    parts = [order[..., :whole].reshape(*order.shape[:-1], -1, size), order[..., None, whole:]]
    return [jnp.moveaxis(part, -2, 0) for part in parts if part.shape[-1]]


class JaxPass:
    """See harness.Pass. features, targets: the training part, on the host."""

    def __init__(
        self, step: Step, features: np.ndarray, targets: np.ndarray, device: Device
    ) -> None:
        chains = groupby(step.blocks, lambda block: block.rows.start)
        self._epochs = [_ChainEpoch(step, list(blocks)) for _, blocks in chains]
        self._data = [resident(part, device.device) for part in (features, targets)]
        self._factors = [device.floats(value) for value in factors(step.objective)]
        self._batch_size = step.batch_size
        self._device = device

    def __call__(
        self,
        theta: np.ndarray,
        state: list[list[State]],
        order: np.ndarray,
        lr: np.ndarray,
        t: np.ndarray,
    ) -> tuple[np.ndarray, list[list[State]], dict[str, np.ndarray]]:
        """Writes into θ and the state."""
        order, samples = order.astype(np.int32), order.shape[-1]
        shared = order if order.ndim == 1 else None
        sums: dict[str, np.ndarray] = {}
        states = iter(state)
        for epoch in self._epochs:
            own = epoch.rows
            runs = Runs(
                theta=theta[own],
                state=list(islice(states, len(epoch.numbers))),
                order=order[own] if shared is None else None,
                lr=lr.T[own],
                t=t[own],
                numbers=epoch.numbers,
                factors=[value[own] for value in self._factors],
            )
            key = epoch.signature, order.ndim, samples
            for rows, (*new, terms) in computed(
                key, epoch, self._device, self._device.largest, runs, shared, *self._data
            ):
                write([runs.theta, runs.state], new, rows)
                for name, total in self._totals(terms, samples).items():
                    write(sums.setdefault(name, np.empty(len(theta)))[own], total, rows)
        return theta, state, sums

    def _totals(self, terms: list[Terms], samples: int) -> dict[str, np.ndarray]:
        """Each term summed over the samples, in double precision."""
        sizes = [self._batch_size, samples % self._batch_size]
        return {
            name: sum(
                np.asarray(found[name], np.float64).sum(axis=0) * size
                for found, size in zip(terms, sizes, strict=False)
            )
            for name in terms[0]
        }
