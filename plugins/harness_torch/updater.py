"""Runs update rules on tensors: in place on the host where they are elementwise, else as written.

A tensor in the memory of the host is a NumPy array as well, of the same numbers, so there an elementwise
rule takes the way that it takes on the NumPy backend, where PyTorch would make a new tensor for each
operation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from harness import Block, Scope, State, inplace, update
from harness_torch.columns import Column, Compute

if TYPE_CHECKING:
    from harness import Network

__all__ = ["TorchUpdater"]

# Elements of θ that an elementwise rule sees at once on a CPU. A large stack in one piece spends its
# time on fresh memory for each operation: 16 runs of 536,000 parameters take 4 times as long.
PIECE = 65_536


@dataclass(frozen=True)
class _Part:
    """What one call of a rule sees: runs of its block, and places in θ."""

    rule: Any
    runs: slice  # of the stack
    rows: slice  # the same within the block, to which the state belongs
    columns: slice


class TorchUpdater:
    """The update rules of a stack; see harness.Updater. Writes into θ and the state."""

    def __init__(
        self,
        blocks: Sequence[Block],
        network: Network,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self._network = network
        self._dtype = dtype
        self._device = device
        self._in_place = [self._on_host(block) for block in blocks]  # None: as written
        self._bound_to: tuple[Any, ...] = (None, None, None)
        self._blocks = [Block(b.rows, update.with_columns(b.rule, self._column)) for b in blocks]
        piece = PIECE if device.type == "cpu" else None
        self._parts = [
            [
                replace(part, rule=update.with_columns(part.rule, self._column))
                for part in _parts(block, network.size, piece)
            ]
            for block in blocks
        ]

    def init(self, theta: Tensor) -> list[list[State]]:
        """The state of each block."""
        with torch.no_grad():
            return [update.initial_state(block, theta, self._network) for block in self._blocks]

    def __call__(
        self,
        theta: Tensor,
        gradient: Tensor,
        state: list[list[State]],
        lr: np.ndarray,
        t: np.ndarray,
    ) -> tuple[Tensor, list[list[State]]]:
        """One step of every block; lr, t: (R, 1) float64 on the host."""
        bound_theta, bound_gradient, bound_state = self._bound_to
        bound = theta is bound_theta and state is bound_state
        self._bound_to = theta, gradient, state
        with torch.no_grad():
            for block, in_place, parts, states in zip(
                self._blocks, self._in_place, self._parts, state, strict=True
            ):
                if in_place is not None:
                    slope = gradient[block.rows].numpy()
                    if not bound:
                        slots = {name: slot.numpy() for name, slot in states[0].items()}
                        in_place.bind(theta[block.rows].numpy(), slope, slots)
                    elif gradient is not bound_gradient:
                        in_place.take(slope)
                    in_place.step(lr[block.rows], t[block.rows])
                    continue
                for part in parts:
                    place, own = (part.runs, part.columns), (part.rows, part.columns)
                    update.apply(
                        Block(slice(None), part.rule),
                        theta[place],
                        gradient[place],
                        [{name: slot[own] for name, slot in slots.items()} for slots in states],
                        self._number(lr[part.runs]),
                        self._number(t[part.runs]),
                        self._network,
                    )
        return theta, state

    def _on_host(self, block: Block) -> inplace.InPlace | None:
        if self._device.type != "cpu":
            return None
        return inplace.in_place(block.rule, np.dtype(str(self._dtype).removeprefix("torch.")))

    def _number(self, values: np.ndarray) -> Any:
        """A Python float where the runs agree, which spares work at every step; else a column."""
        first = float(values[0, 0])
        return first if len(values) == 1 or (values == first).all() else self._column(values)

    def _column(self, values: np.ndarray) -> Column:
        """(rows, 1) as a column that is worked out at once."""
        row = torch.tensor(values.T, dtype=torch.float64)

        def meet(compute: Compute) -> Tensor:
            (value,) = compute({})
            return value.to(self._device, None if value.dtype is torch.bool else self._dtype)

        return Column(lambda _: row, meet)


def _parts(block: Block, size: int, piece: int | None) -> Iterator[_Part]:
    """The whole block, or contiguous pieces of it: several whole runs, or a part of one run."""
    start, runs = block.rows.start, block.rows.stop - block.rows.start
    if piece is None or block.rule.scope is not Scope.ELEMENT or runs * size <= piece:
        yield _Part(block.rule, block.rows, slice(0, runs), slice(None))
        return
    height = max(piece // size, 1)
    width = -(-size // -(-size // piece))  # as even as they come
    for top in range(0, runs, height):
        rows = slice(top, min(top + height, runs))
        rule = update.with_columns(block.rule, itemgetter(rows))
        for left in range(0, size, width):
            columns = slice(left, left + width)
            yield _Part(rule, slice(start + rows.start, start + rows.stop), rows, columns)
