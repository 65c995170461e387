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
from harness_jax.buckets import write_rows
from harness_jax.compiling import Device, compute, on_device
from harness_jax.program import factors, gradient, signature_of, with_factors
from harness_jax.rules import Parts, PureRule, join, numbers_of, split

__all__ = ["JaxPass"]

Terms = OrderedDict[str, jax.Array]  # in the order of the objective; JAX sorts a plain dict


class Runs(NamedTuple):
    """The inputs of the epoch of R runs, which are the first axis of each array.

    Other values need no other compilation.

    Attributes:
        theta: θ, (R, P).
        state: State of each block.
        order: Order of the samples, (R, N), or None where all runs share one.
        lr: Rates of S steps, (R, S).
        t: Number of the first step, (R, 1).
        numbers: Float fields of the rule of each block, (R, 1) each.
        factors: Factors of the objective, (R,) each.
    """

    theta: Any
    state: list[list[State]]
    order: Any
    lr: Any
    t: Any
    numbers: list[dict[str, Any]]
    factors: list[Any]


class _ChainEpoch:
    """The epoch of the runs of one rule, with its wrappers.

    Each rule has its own epoch, since runs do not depend on one another: so no mixture of rules is a new
    shape.
    """

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
                signature_of(step.objective),
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

        Args:
            runs: The inputs that each run has of its own.
            shared: The order of all runs, (N,), or None.
            features: Features of the training part, (N, F).
            targets: Targets of the training part, (N, K).
        """
        order = runs.order if shared is None else shared
        objective = with_factors(self._objective, runs.factors)

        def step(carry: tuple[Parts, list[list[State]]], inputs: Any) -> Any:
            rows, lr, t = inputs
            numbers = [{**fields, "lr": lr[:, None], "t": t} for fields in runs.numbers]
            return self._step(objective, *carry, features[rows], targets[rows], numbers)

        rates = runs.lr.T
        numbers = runs.t + jnp.arange(len(rates), dtype=runs.t.dtype)[:, None, None]  # (S, R, 1)
        state = [rule.split_state(s) for rule, s in zip(self._rules, runs.state, strict=True)]
        carry = split(runs.theta, self._network), state
        terms, start = [], 0
        for batches in _batches(order, self._batch_size):
            stop = start + len(batches)
            inputs = batches, rates[start:stop], numbers[start:stop]
            carry, terms_of_steps = jax.lax.scan(step, carry, inputs)
            terms.append(terms_of_steps)
            start = stop
        theta, state = carry
        state = [rule.join_state(s) for rule, s in zip(self._rules, state, strict=True)]
        return join(theta), state, terms

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
        # XLA leaves out the joined θ where no term reads it
        terms = OrderedDict(objective.terms(forward, target, join(theta)))
        new_state = []
        rules = zip(self._rules, self._turns, state, numbers, strict=True)
        for rule, turn, slots, numbers_of_rule in rules:
            if turn is Turn.GRADIENT:
                slopes, new = rule(slopes, theta, slots, numbers_of_rule)
            else:
                theta, new = rule(theta, slopes, slots, numbers_of_rule)
            new_state.append(new)
        return (theta, new_state), terms


def _batches(order: jax.Array, size: int) -> list[jax.Array]:
    """The row numbers of the whole batches, (S, [R,] B), and of the smaller last one if there is one."""
    whole = order.shape[-1] // size * size
    parts = [order[..., :whole].reshape(*order.shape[:-1], -1, size), order[..., None, whole:]]
    return [jnp.moveaxis(part, -2, 0) for part in parts if part.shape[-1]]


class JaxPass:
    """See harness.Pass.

    Args:
        step: The step.
        features: Features of the training part, on the host.
        targets: Targets of the training part, on the host.
        device: Where to compute.
    """

    def __init__(
        self, step: Step, features: np.ndarray, targets: np.ndarray, device: Device
    ) -> None:
        chains = groupby(step.blocks, lambda block: block.rows.start)
        self._epochs = [_ChainEpoch(step, list(blocks)) for _, blocks in chains]
        self._data = [on_device(part, device.device) for part in (features, targets)]
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
            span = epoch.rows
            runs = Runs(
                theta=theta[span],
                state=list(islice(states, len(epoch.numbers))),
                order=order[span] if shared is None else None,
                lr=lr.T[span],
                t=t[span],
                numbers=epoch.numbers,
                factors=[value[span] for value in self._factors],
            )
            key = epoch.signature, order.ndim, samples
            for rows, (*new, terms) in compute(
                key, epoch, self._device, self._device.largest, runs, shared, *self._data
            ):
                write_rows([runs.theta, runs.state], new, rows)
                for name, total in self._totals(terms, samples).items():
                    write_rows(sums.setdefault(name, np.empty(len(theta)))[span], total, rows)
        return theta, state, sums

    def _totals(self, terms: list[Terms], samples: int) -> dict[str, np.ndarray]:
        """Each term summed over the samples, in double precision."""
        sizes = [self._batch_size, samples % self._batch_size]
        return {
            name: sum(
                np.asarray(part[name], np.float64).sum(axis=0) * size
                for part, size in zip(terms, sizes, strict=False)
            )
            for name in terms[0]
        }
