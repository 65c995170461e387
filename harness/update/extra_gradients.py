"""Wrappers and rules that need more of the objective than its gradient at θ: the core runs them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.backends import Backend, Block, Program
from harness.contracts import Array, array_namespace
from harness.randomness import signs
from harness.update.scopes import apply, initial_state, with_all_columns

if TYPE_CHECKING:
    from harness.model.network import Network
    from harness.model.objective import Objective

__all__ = ["ObjectiveUpdater", "Quadratic"]

# (R, B, F) and (R, B, K), or without the first axis, shared by all runs
Samples = tuple[Array, Array]
# θ and the gradient there, (rows, P), before any wrapper has changed them
Start = tuple[Array, Array]


class ObjectiveUpdater:
    """Steps one block of scope OBJECTIVE; what `harness.Updater` is for the others.

    Called as it is written: a gradient in its midst cannot be recorded, and takes longer than the rest.
    """

    def __init__(
        self,
        block: Block,
        backend: Backend,
        network: Network,
        objective: Objective,
        seeds: Sequence[int],
    ) -> None:
        self._rows = block.rows
        self._backend = backend
        self._network = network
        # With a column for every number a run does not depend on its company
        self._block = Block(block.rows, with_all_columns(block, backend.to_device))
        own = np.arange(block.rows.start, block.rows.stop)
        self._program = backend.bind(network, objective.rows(own))
        self._seeds = seeds[block.rows]
        self.extra_gradients = np.zeros(len(own), int)  # further gradients of each run so far

    def init(self, theta: Array) -> list[Any]:
        """The state of the one block, in a list as an updater has it."""
        return [initial_state(self._block, theta, self._network)]

    def __call__(
        self,
        changed: Array,
        other: Array,
        state: list[Any],
        lr: np.ndarray,
        t: np.ndarray,
        samples: Samples,
        start: Start,
    ) -> tuple[Array, list[Any]]:
        """One step, written into `changed` and the state. The rest as for an updater."""
        x, target = (part[self._rows] if part.ndim == 3 else part for part in samples)
        steps = t[self._rows, 0].astype(int).tolist()
        drawn = list(zip(self._seeds, steps, strict=True))
        samples = x, target
        batch = BatchObjective(
            self._program, self._backend, samples, start, drawn, self.extra_gradients
        )
        rate, number = self._backend.to_device(lr), self._backend.to_device(t)
        (slots,) = state
        apply(self._block, changed, other, slots, rate, number, self._network, batch)
        return changed, state


class BatchObjective:
    """The batch of some runs where their backend has it; see harness.Batch.

    drawn: the seed of each run, and the number of its step. extra_gradients: counts those of each run.
    """

    def __init__(
        self,
        program: Program,
        backend: Backend,
        samples: Samples,
        start: Start,
        drawn: Sequence[tuple[int, int]],
        extra_gradients: np.ndarray,
    ) -> None:
        self._program = program
        self._backend = backend
        self._samples = samples
        self._start = start
        self._drawn = drawn
        self._extra_gradients = extra_gradients

    def gradient(self, theta: Array, where: Array | None = None) -> Array:
        """See harness.Batch."""
        xp = array_namespace(theta)
        wanted = self._wanted(where)
        if not wanted.any():
            return xp.zeros_like(theta)
        begun, known = self._start
        same = xp.all(theta == begun, axis=-1, keepdims=True)
        wanted = wanted & ~self._backend.to_host(same)[:, 0]
        if not wanted.any():
            return _chosen(xp.asarray(known, copy=True), where)
        self._extra_gradients += wanted
        _, found = self._program.gradient(theta, *self._samples)
        # Always a copy: the program may write the next one over it
        return _chosen(xp.where(same, known, found), where)

    def signs(self, where: Array | None = None) -> Array:
        """See harness.Batch."""
        size = self._start[0].shape[1]
        drawn = np.zeros((len(self._drawn), size))
        for row in np.flatnonzero(self._wanted(where)).tolist():
            seed, step = self._drawn[row]
            drawn[row] = signs(seed, step, size)
        return self._backend.to_device(drawn)

    def _wanted(self, where: Array | None) -> np.ndarray:
        """Which runs want something, (R,), on the host."""
        if where is None:
            return np.ones(len(self._drawn), bool)
        return np.broadcast_to(self._backend.to_host(where), (len(self._drawn), 1))[:, 0]


class Quadratic:
    """A batch on which to try a rule by itself: ℒ = ½‖θ − c‖², with signs that take turns.

    like: an array (R, P). center: c, a number or such an array.
    """

    def __init__(self, like: Array, center: Any = 0.0) -> None:
        self._like = like
        self._center = center

    def gradient(self, theta: Array, where: Array | None = None) -> Array:
        """θ − c."""
        return _chosen(theta - self._center, where)

    def signs(self, where: Array | None = None) -> Array:
        """+1, −1, +1, …"""
        xp = array_namespace(self._like)
        places = xp.cumulative_sum(xp.ones_like(self._like), axis=-1)
        return _chosen(2 * (places % 2) - 1, where)


def _chosen(found: Array, where: Array | None) -> Array:
    """These rows, and zeros for the other runs."""
    xp = array_namespace(found)
    return found if where is None else xp.where(where, found, xp.zeros_like(found))
