"""Runs update rules on NumPy arrays: in place where that is possible, else operation by operation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from harness import Block, Network
from harness.inplace import in_place
from harness.update import apply, initial_state, with_all_columns

__all__ = ["NumpyUpdater"]


class NumpyUpdater:
    """The update rules of a stack; see harness.Updater. Writes into θ and the state."""

    def __init__(self, blocks: Sequence[Block], network: Network, dtype: str) -> None:
        kind = np.dtype(dtype)
        self._blocks = list(blocks)
        self._runners: list[Any] = [
            in_place(block.rule, network, kind) or _Eager(block, network, kind) for block in blocks
        ]
        self._bound_to: tuple[Any, ...] = (None, None, None)

    def init(self, theta: np.ndarray) -> list[Any]:
        """The state of each block."""
        return [
            runner.init(theta[block.rows])
            for runner, block in zip(self._runners, self._blocks, strict=True)
        ]

    def __call__(
        self,
        theta: np.ndarray,
        gradient: np.ndarray,
        state: list[Any],
        lr: np.ndarray,
        t: np.ndarray,
    ) -> tuple[np.ndarray, list[Any]]:
        """One step of every block; `lr` and `t` are (R, 1) float64."""
        bound_theta, bound_gradient, bound_state = self._bound_to
        is_bound = theta is bound_theta and state is bound_state
        for runner, block, slots in zip(self._runners, self._blocks, state, strict=True):
            if not is_bound:
                runner.bind(theta[block.rows], gradient[block.rows], slots)
            elif gradient is not bound_gradient:
                runner.set_gradient(gradient[block.rows])
            runner.step(lr[block.rows], t[block.rows])
        self._bound_to = (theta, gradient, state)
        return theta, state


class _Eager:
    """A rule whose operations cannot be recorded: it is called with arrays at every step."""

    def __init__(self, block: Block, network: Network, dtype: np.dtype) -> None:
        rule = with_all_columns(block, lambda column: column.astype(dtype))
        self._block = Block(slice(0, block.rows.stop - block.rows.start), rule)
        self._network = network
        self._dtype = dtype

    def init(self, theta: np.ndarray) -> Any:
        return initial_state(self._block, theta, self._network)

    def bind(self, theta: np.ndarray, gradient: np.ndarray, state: Any) -> None:
        self._theta, self._gradient, self._state = theta, gradient, state

    def set_gradient(self, gradient: np.ndarray) -> None:
        self._gradient = gradient

    def step(self, lr: np.ndarray, t: np.ndarray) -> None:
        lr, t = lr.astype(self._dtype), t.astype(self._dtype)
        apply(self._block, self._theta, self._gradient, self._state, lr, t, self._network)
