"""What a stack does with a gradient: wrappers and update rules, one after another.

The runs of each rule have a chain of blocks: wrappers that change the gradient, wrappers that change θ,
the rule, and wrappers again. The backend's updater runs each block at its own scope, as if it were a
rule by itself. The core runs those that need extra gradients (`extra_gradients.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.backends import Backend, Block
from harness.contracts import Array, Scope, Turn, array_namespace
from harness.update.extra_gradients import ObjectiveUpdater
from harness.update.scopes import evaluated

if TYPE_CHECKING:
    from harness.model.network import Network
    from harness.model.objective import Objective

__all__ = ["Chain", "flat", "in_turn", "nested"]


def in_turn(wrappers: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """The names of wrappers in the order of a step: those before the rule, and those after it.

    Args:
        wrappers: Wrappers by name, the outermost first.

    >>> from types import SimpleNamespace as Some
    >>> in_turn({"a": Some(turn=Turn.AFTER), "b": Some(turn=Turn.GRADIENT), "c": Some(turn=Turn.AFTER)})
    (['b'], ['c', 'a'])
    """
    turns = {turn: [name for name, w in wrappers.items() if w.turn is turn] for turn in Turn}
    return turns[Turn.GRADIENT] + turns[Turn.BEFORE], turns[Turn.AFTER][::-1]


class Chain:
    """What a stack does with a gradient, ready to run.

    The state is a list for each chain with the state of each of its blocks. Each updater gets back the
    very list that it returned: by identity it notices that its arrays were replaced.

    Args:
        blocks: A chain of blocks for the runs of each rule.
        backend: Backend that the runs train on.
        network: Network of all runs.
        objective: Objective of all runs, its factors on the host.
        seeds: Seed of each run.
    """

    def __init__(
        self,
        blocks: Sequence[Sequence[Block]],
        backend: Backend,
        network: Network,
        objective: Objective,
        seeds: Sequence[int],
    ) -> None:
        self._blocks = blocks
        self._backend = backend
        self._network = network
        self._runners = [
            [
                ObjectiveUpdater(block, backend, network, objective, seeds)
                if block.rule.scope is Scope.OBJECTIVE
                else backend.updater([block], network)
                for block in chain
            ]
            for chain in blocks
        ]

    def extra_gradients(self, runs: int) -> np.ndarray:
        """The number of gradients that each of R runs has taken so far beside one a step, (R,)."""
        counts = np.zeros(runs, int)
        for chain, runners in zip(self._blocks, self._runners, strict=True):
            for block, runner in zip(chain, runners, strict=True):
                if isinstance(runner, ObjectiveUpdater):
                    counts[block.rows] += runner.extra_gradients
        return counts

    @property
    def can_be_compiled(self) -> bool:
        """Whether the backend may be asked to compile the blocks together with the gradient."""
        blocks = [block for chain in self._blocks for block in chain]
        if any(block.rule.scope is Scope.OBJECTIVE for block in blocks):
            return False
        wrapped = any(block.turn is not None for block in blocks)
        return not wrapped or getattr(self._backend, "compiles_wrappers", False)

    def init(self, theta: Array) -> list[list[Any]]:
        """The state before the first step, at the initial parameters `theta`, (R, P)."""
        return [[runner.init(theta) for runner in chain] for chain in self._runners]

    def step(
        self,
        theta: Array,
        gradient: Array,
        state: list[list[Any]],
        lr: np.ndarray,
        t: np.ndarray,
        batch: tuple[Array, Array],
    ) -> tuple[Array, list[list[Any]]]:
        """One step of all runs. May write into θ, the gradient and the state: use what it returns.

        Args:
            theta: Parameters, (R, P).
            gradient: Gradient, (R, P).
            state: State of all chains.
            lr: Learning rate of each run, (R, 1) float64 on the host.
            t: Number of the step of each run, from 1, (R, 1) float64 on the host.
            batch: Features and targets that the gradient was computed from.
        """
        new_state = []
        for blocks, runners, states in zip(self._blocks, self._runners, state, strict=True):
            samples_and_start: tuple[Any, ...] = ()
            if any(isinstance(runner, ObjectiveUpdater) for runner in runners):
                rows, copy = blocks[0].rows, array_namespace(theta).asarray
                start = copy(theta[rows], copy=True), copy(gradient[rows], copy=True)
                samples_and_start = batch, start
            new_states = []
            for block, runner, slots in zip(blocks, runners, states, strict=True):
                on_gradient = block.turn is Turn.GRADIENT
                changed, other = (gradient, theta) if on_gradient else (theta, gradient)
                extra = samples_and_start if isinstance(runner, ObjectiveUpdater) else ()
                changed, new_slots = runner(changed, other, slots, lr, t, *extra)
                gradient, theta = (changed, theta) if on_gradient else (gradient, changed)
                new_states.append(new_slots)
            new_state.append(new_states)
        return theta, new_state

    def evaluated(self, theta: Array, state: list[list[Any]]) -> Array:
        """Where the runs are to be judged, (R, P): θ, or what rules and wrappers make of it."""
        blocks = [block for chain in self._blocks for block in chain]
        return evaluated(blocks, theta, flat(state), self._network, self._backend.to_device)


def flat(state: list[list[Any]]) -> list[Any]:
    """The state of each block, in the order of a step, as a `Pass` has it.

    >>> flat([[["a"], ["b"]], [["c"]]])
    ['a', 'b', 'c']
    """
    return [block for chain in state for (block,) in chain]


def nested(blocks: list[Any], like: list[list[Any]]) -> list[list[Any]]:
    """The inverse of `flat`, with as many blocks in each chain as `like` has.

    >>> nested(["a", "b", "c"], like=[[[0], [0]], [[0]]])
    [[['a'], ['b']], [['c']]]
    """
    rest = iter(blocks)
    return [[[next(rest)] for _ in chain] for chain in like]
