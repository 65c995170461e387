"""Runs update rules on tensors as they are written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from harness import Block, State, update

if TYPE_CHECKING:
    from harness.network import Network

__all__ = ["TorchUpdater"]


class TorchUpdater:
    """The update rules of a stack; see harness.Updater. Writes into θ and the state."""

    def __init__(
        self, blocks: Sequence[Block], network: Network, place: Callable[[np.ndarray], Tensor]
    ) -> None:
        self._blocks = [Block(b.rows, update.with_columns(b.rule, place)) for b in blocks]
        self._network = network
        self._place = place

    def init(self, theta: Tensor) -> list[list[State]]:
        """The state of each block."""
        with torch.no_grad():
            return [update.initial_state(block, theta, self._network) for block in self._blocks]

    def __call__(
        self, theta: Tensor, gradient: Tensor, state: list[list[State]], lr: np.ndarray, t: int
    ) -> tuple[Tensor, list[list[State]]]:
        """One step of every block; lr: (R, 1) float64 on the host."""
        first = float(lr[0, 0])
        # A Python float spares the copy to the device, which a rate at every step would wait for.
        rate = first if (lr == first).all() else self._place(lr)
        with torch.no_grad():
            for block, slots in zip(self._blocks, state, strict=True):
                update.apply(block, theta, gradient, slots, rate, t, self._network)
        return theta, state
