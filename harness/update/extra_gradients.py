"""Rules and wrappers that need more of the objective than its gradient at θ: the core runs them."""

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
    """Steps one block of scope OBJECTIVE, as a `harness.Updater` steps the others.

    The rule is called as it is written: the gradients that it takes cannot be recorded, and take longer
    than the rest.

    Args:
        block: Rule or wrapper with its runs.
        backend: Backend that the runs train on.
        network: Network of all runs.
        objective: Objective of all runs, its factors on the host.
        seeds: Seed of each run.
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
        rows = np.arange(block.rows.start, block.rows.stop)
        self._program = backend.bind(network, objective.rows(rows))
        self._seeds = seeds[block.rows]
        self.extra_gradients = np.zeros(len(rows), int)  # of each run so far, beside one a step

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
        """One step, written into `changed` and the state.

        Args:
            changed: What the rule or wrapper changes, (R, P): θ, or the gradient.
            other: The other one of the two, (R, P).
            state: State, as `init` or the last step returned it.
            lr: Learning rate of each run, (R, 1) float64 on the host.
            t: Number of the step of each run, from 1, (R, 1) float64 on the host.
            samples: Features and targets of all runs.
            start: θ and the gradient there before any wrapper changed them, of the runs of the block.
        """
        x, target = (part[self._rows] if part.ndim == 3 else part for part in samples)
        steps = t[self._rows, 0].astype(int).tolist()
        draws = list(zip(self._seeds, steps, strict=True))
        batch = BatchObjective(
            self._program, self._backend, (x, target), start, draws, self.extra_gradients
        )
        rate, number = self._backend.to_device(lr), self._backend.to_device(t)
        (slots,) = state
        apply(self._block, changed, other, slots, rate, number, self._network, batch)
        return changed, state


class BatchObjective:
    """The batch of the runs of a block, on the device of their backend; see harness.Batch.

    Args:
        program: Network and objective of these runs.
        backend: Backend that they train on.
        samples: Their features and targets.
        start: θ and the gradient there, both (rows, P).
        draws: Seed of each run, and the number of its step.
        extra_gradients: Count of each run, which is raised here.
    """

    def __init__(
        self,
        program: Program,
        backend: Backend,
        samples: Samples,
        start: Start,
        draws: Sequence[tuple[int, int]],
        extra_gradients: np.ndarray,
    ) -> None:
        self._program = program
        self._backend = backend
        self._samples = samples
        self._start = start
        self._draws = draws
        self._extra_gradients = extra_gradients

    def gradient(self, theta: Array, where: Array | None = None) -> Array:
        """See harness.Batch."""
        xp = array_namespace(theta)
        wanted = self._wanted(where)
        if not wanted.any():
            return xp.zeros_like(theta)
        start, start_gradient = self._start
        at_start = xp.all(theta == start, axis=-1, keepdims=True)
        wanted = wanted & ~self._backend.to_host(at_start)[:, 0]
        if not wanted.any():
            return _masked(xp.asarray(start_gradient, copy=True), where)
        self._extra_gradients += wanted
        _, gradient = self._program.gradient(theta, *self._samples)
        # Always a copy: the program may write the next one over it
        return _masked(xp.where(at_start, start_gradient, gradient), where)

    def signs(self, where: Array | None = None) -> Array:
        """See harness.Batch."""
        size = self._start[0].shape[1]
        values = np.zeros((len(self._draws), size))
        for row in np.flatnonzero(self._wanted(where)).tolist():
            seed, step = self._draws[row]
            values[row] = signs(seed, step, size)
        return self._backend.to_device(values)

    def _wanted(self, where: Array | None) -> np.ndarray:
        """Which runs want something, (rows,) bool on the host."""
        if where is None:
            return np.ones(len(self._draws), bool)
        return np.broadcast_to(self._backend.to_host(where), (len(self._draws), 1))[:, 0]


class Quadratic:
    """A batch on which to try a rule by itself: ℒ = ½‖θ − c‖², with signs that alternate.

    Args:
        like: Array with the shape, the dtype and the device of θ, (R, P).
        center: c, a number or an array like θ.
    """

    def __init__(self, like: Array, center: Any = 0.0) -> None:
        self._like = like
        self._center = center

    def gradient(self, theta: Array, where: Array | None = None) -> Array:
        """θ − c."""
        return _masked(theta - self._center, where)

    def signs(self, where: Array | None = None) -> Array:
        """+1, −1, +1, …"""
        xp = array_namespace(self._like)
        numbers = xp.cumulative_sum(xp.ones_like(self._like), axis=-1)
        return _masked(2 * (numbers % 2) - 1, where)


def _masked(values: Array, where: Array | None) -> Array:
    """The values of the runs in `where`, and zeros for the others."""
    xp = array_namespace(values)
    return values if where is None else xp.where(where, values, xp.zeros_like(values))
