"""An epoch as one compiled function: a scan over gather, forward, backward, clip, update."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from harness import Block, Objective, State, Step, update
from harness_jax.compiling import Device, called, resident
from harness_jax.groups import filled, groups
from harness_jax.program import factors, gradient, of_objective, with_factors
from harness_jax.rules import Parts, PureRule, cut, joined, numbers_of

__all__ = ["JaxPass"]

Terms = OrderedDict[str, jax.Array]  # in the order of the objective, which a dict would lose in JAX


class Runs(NamedTuple):
    """What an epoch of R runs is computed from; numbers that may change without a new compilation.

    order: (R, N) or (N,). lr: (S, R). t: (R, 1). numbers: (R, 1) each. factors: (R,) each. clip: (R, 1)
    or None.
    """

    theta: Any
    state: list[State]
    order: Any
    lr: Any
    t: Any
    numbers: dict[str, Any]
    factors: list[Any]
    clip: Any


class _BlockEpoch:
    """The epoch of the runs of one block. Each rule has its own: runs do not depend on one another, and
    so no mixture of rules is a new shape."""

    def __init__(self, step: Step, block: Block) -> None:
        self._network = step.network
        self._objective = step.objective
        self._batch_size = step.batch_size
        self._rule = PureRule(block.rule, step.network)
        self.block = block
        self.numbers = numbers_of(block.rule, block.rows.stop - block.rows.start)
        self.signature = repr(
            (
                step.network,
                of_objective(step.objective),
                self._rule.signature,
                step.clip_norm is not None,
                step.batch_size,
            )
        )

    def __call__(
        self, runs: Runs, features: jax.Array, targets: jax.Array
    ) -> tuple[jax.Array, list[State], list[Terms]]:
        """The new θ and state, and the terms of the whole batches, (S, R), and of the rest, (1, R)."""
        size, samples = self._batch_size, runs.order.shape[-1]
        objective = with_factors(self._objective, runs.factors)

        def step(carry: tuple[Parts, list[State]], given: Any) -> Any:
            rows, lr, t = given
            numbers = {**runs.numbers, "lr": lr[:, None], "t": t}
            return self._step(objective, *carry, features[rows], targets[rows], numbers, runs.clip)

        steps = jnp.arange(runs.lr.shape[0], dtype=runs.t.dtype)[:, None, None]
        carry = cut(runs.theta, self._network), self._rule.opened(runs.state)
        terms = []
        for start, count in _batches(samples, size):
            batches = _cut_batches(runs.order[..., start * size :], count, size)
            lr, t = runs.lr[start : start + count], (runs.t + steps)[start : start + count]
            carry, found = jax.lax.scan(step, carry, (batches, lr, t))
            terms.append(found)
        theta, state = carry
        return joined(theta), self._rule.closed(state), terms

    def _step(
        self,
        objective: Objective,
        theta: Parts,
        state: list[State],
        x: jax.Array,
        target: jax.Array,
        numbers: dict[str, Any],
        clip: Any,
    ) -> tuple[tuple[Parts, list[State]], Terms]:
        forward, slopes = gradient(self._network, objective, theta, x, target)
        # θ in one piece is made only where a term reads it: XLA leaves out what nobody uses
        terms = OrderedDict(objective.terms(forward, target, joined(theta)))
        if clip is not None:
            slopes = cut(update.clip_gradient(joined(slopes), clip), self._network)
        return self._rule(theta, slopes, state, numbers), terms


def _batches(samples: int, size: int) -> list[tuple[int, int]]:
    """The first batch and the number of batches, of the whole ones and of the smaller last one."""
    whole = samples // size
    return [(0, whole), (whole, 1)] if samples % size else [(0, whole)]


def _cut_batches(order: jax.Array, count: int, size: int) -> jax.Array:
    """(count, [R,] B) row numbers from ([R,] N)."""
    rows = order[..., : count * size]
    return jnp.moveaxis(rows.reshape(*rows.shape[:-1], count, -1), -2, 0)


class JaxPass:
    """See harness.Pass. features, targets: the training part, on the host."""

    def __init__(
        self, step: Step, features: np.ndarray, targets: np.ndarray, device: Device
    ) -> None:
        self._epochs = [_BlockEpoch(step, block) for block in step.blocks]
        self._data = [resident(part, device.device) for part in (features, targets)]
        self._factors = [device.floats(value) for value in factors(step.objective)]
        self._clip = None if step.clip_norm is None else device.floats(step.clip_norm)
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
        order = order.astype(np.int32)
        sums: dict[str, np.ndarray] = {}
        for epoch, slots in zip(self._epochs, state, strict=True):
            start = epoch.block.rows.start
            for rows, size in groups(epoch.block.rows, self._device.largest):
                own = slice(rows.start - start, rows.stop - start)  # the same within the block
                runs = Runs(
                    theta=filled(theta, rows, size),
                    state=[{n: filled(s, own, size) for n, s in piece.items()} for piece in slots],
                    order=filled(order, rows, size) if order.ndim == 2 else order,
                    lr=filled(lr, rows, size, axis=1),
                    t=filled(t, rows, size),
                    numbers={n: filled(v, own, size) for n, v in epoch.numbers.items()},
                    factors=[filled(value, rows, size) for value in self._factors],
                    clip=None if self._clip is None else filled(self._clip, rows, size),
                )
                new, new_slots, terms = called(
                    epoch.signature, epoch, self._device, runs, *self._data
                )
                count = rows.stop - rows.start
                theta[rows] = np.asarray(new)[:count]
                for piece, new_piece in zip(slots, new_slots, strict=True):
                    for name, slot in piece.items():
                        slot[own] = np.asarray(new_piece[name])[:count]
                for name, total in self._totals(terms, order.shape[-1]).items():
                    sums.setdefault(name, np.empty(len(theta)))[rows] = total[:count]
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
