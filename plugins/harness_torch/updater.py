"""Runs update rules on tensors as they are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from harness import Block, Scope, State, update

if TYPE_CHECKING:
    from harness import Network

__all__ = ["TorchUpdater"]

# Elements of θ that an elementwise rule sees at once on a CPU. A large stack in one piece spends its
# time on fresh memory for each operation: 16 runs of 536,000 parameters take 4 times as long.
PIECE = 65_536


@dataclass(frozen=True)
class _Part:
    """What one call of a rule sees: runs of its block, and places in θ."""

    block: Block
    rows: slice  # within the block that the state belongs to
    columns: slice


class TorchUpdater:
    """The update rules of a stack; see harness.Updater. Writes into θ and the state."""

    def __init__(
        self,
        blocks: Sequence[Block],
        network: Network,
        place: Callable[[np.ndarray], Tensor],
        device: torch.device,
    ) -> None:
        self._network = network
        self._place = place
        self._blocks = [Block(b.rows, update.with_columns(b.rule, place)) for b in blocks]
        piece = PIECE if device.type == "cpu" else None
        self._parts = [list(_parts(block, network.size, piece)) for block in self._blocks]

    def init(self, theta: Tensor) -> list[list[State]]:
        """The state of each block."""
        with torch.no_grad():
            return [update.initial_state(block, theta, self._network) for block in self._blocks]

    def __call__(
        self, theta: Tensor, gradient: Tensor, state: list[list[State]], lr: np.ndarray, t: int
    ) -> tuple[Tensor, list[list[State]]]:
        """One step of every block; lr: (R, 1) float64 on the host."""
        first = float(lr[0, 0])
        # A Python float spares a copy to the device, which would be waited for at every step.
        rate = first if (lr == first).all() else self._place(lr)
        with torch.no_grad():
            for parts, states in zip(self._parts, state, strict=True):
                for part in parts:
                    at = part.rows, part.columns
                    update.apply(
                        part.block,
                        theta[:, part.columns],
                        gradient[:, part.columns],
                        [{name: slot[at] for name, slot in slots.items()} for slots in states],
                        rate,
                        t,
                        self._network,
                    )
        return theta, state


def _parts(block: Block, size: int, piece: int | None) -> Iterator[_Part]:
    """The whole block, or contiguous pieces of it: several whole runs, or a part of one run."""
    runs = block.rows.stop - block.rows.start
    if piece is None or block.rule.scope is not Scope.ELEMENT or runs * size <= piece:
        yield _Part(block, slice(0, runs), slice(None))
        return
    height = max(piece // size, 1)
    width = -(-size // -(-size // piece))  # as even as they come
    for top in range(0, runs, height):
        rows = slice(top, min(top + height, runs))
        start = block.rows.start
        part = Block(
            slice(start + rows.start, start + rows.stop),
            update.with_columns(block.rule, itemgetter(rows)),
        )
        for left in range(0, size, width):
            yield _Part(part, rows, slice(left, left + width))
