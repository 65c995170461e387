"""Runs the update rules of a stack: in place on the host where that is possible, else operation by
operation, and the optimizers of other libraries.

A tensor in the memory of the host is also a NumPy array, so there a rule runs as on the NumPy backend,
where PyTorch would make a new tensor for each operation.
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
from harness_torch.library_updater import LibraryRule, LibraryUpdater

if TYPE_CHECKING:
    from harness import Network

__all__ = ["TorchUpdater"]

# Elements of θ that an elementwise rule sees at once on a CPU. A large stack in one piece spends its
# time on fresh memory for each operation: 16 runs of 536,000 parameters take 4 times as long.
PIECE = 65_536


@dataclass(frozen=True)
class _Part:
    """What one call of a rule sees: some runs of its block, and some elements of θ.

    Attributes:
        rule: The rule, with the values of these runs.
        runs: The runs within the stack.
        block_runs: The same runs within the block, whose rows the state has.
        elements: The elements within θ.
    """

    rule: Any
    runs: slice
    block_runs: slice
    elements: slice


class TorchUpdater:
    """The update rules of a stack; see harness.Updater. Writes into θ and the state."""

    def __init__(
        self,
        blocks: Sequence[Block],
        network: Network,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self._runners = [_runner(block, network, dtype, device) for block in blocks]

    def init(self, theta: Tensor) -> list[Any]:
        """The state of each block."""
        with torch.no_grad():
            return [runner.init(theta) for runner in self._runners]

    def __call__(
        self,
        theta: Tensor,
        gradient: Tensor,
        state: list[Any],
        lr: np.ndarray,
        t: np.ndarray,
    ) -> tuple[Tensor, list[Any]]:
        """One step of every block; `lr` and `t` are (R, 1) float64 on the host."""
        with torch.no_grad():
            for runner, slots in zip(self._runners, state, strict=True):
                runner.step(theta, gradient, slots, lr, t)
        return theta, state


def _runner(
    block: Block, network: Network, dtype: torch.dtype, device: torch.device
) -> LibraryUpdater | _InPlaceUpdater | _EagerUpdater:
    if isinstance(block.rule, LibraryRule):
        return LibraryUpdater(block, network)
    eager = _EagerUpdater(block, network, dtype, device)
    if device.type == "cpu":
        kind = np.dtype(str(dtype).removeprefix("torch."))
        rule = inplace.in_place(block.rule, network, kind)
        if rule is not None:
            return _InPlaceUpdater(block.rows, rule, eager)
    return eager


class _InPlaceUpdater:
    """Steps the runs of a block by a rule that writes into the memory of the tensors."""

    def __init__(self, rows: slice, rule: inplace.InPlace, eager: _EagerUpdater) -> None:
        self._rows = rows
        self._rule = rule
        self.init = eager.init
        self._bound: tuple[Any, ...] = (None, None, None)  # the tensors that the rule is bound to

    def step(
        self, theta: Tensor, gradient: Tensor, state: list[State], lr: np.ndarray, t: np.ndarray
    ) -> None:
        """One step, written into θ and the state."""
        rows = self._rows
        bound_theta, bound_gradient, bound_state = self._bound
        if theta is not bound_theta or state is not bound_state:
            slots = [{name: slot.numpy() for name, slot in part.items()} for part in state]
            self._rule.bind(theta[rows].numpy(), gradient[rows].numpy(), slots)
        elif gradient is not bound_gradient:
            self._rule.set_gradient(gradient[rows].numpy())
        self._bound = theta, gradient, state
        self._rule.step(lr[rows], t[rows])


class _EagerUpdater:
    """Steps the runs of a block by a rule that is called with tensors, operation by operation."""

    def __init__(
        self, block: Block, network: Network, dtype: torch.dtype, device: torch.device
    ) -> None:
        self._network = network
        self._dtype = dtype
        self._device = device
        self._block = Block(block.rows, update.with_columns(block.rule, self._column))
        piece = PIECE if device.type == "cpu" else None
        self._parts = [
            replace(part, rule=update.with_columns(part.rule, self._column))
            for part in _parts(block, network.size, piece)
        ]

    def init(self, theta: Tensor) -> list[State]:
        """One state for each piece of θ that the rule sees."""
        return update.initial_state(self._block, theta, self._network)

    def step(
        self, theta: Tensor, gradient: Tensor, state: list[State], lr: np.ndarray, t: np.ndarray
    ) -> None:
        """One step, written into θ and the state."""
        for part in self._parts:
            theta_part = part.runs, part.elements
            state_part = part.block_runs, part.elements
            update.apply(
                Block(slice(None), part.rule),
                theta[theta_part],
                gradient[theta_part],
                [{name: slot[state_part] for name, slot in slots.items()} for slots in state],
                self._number(lr[part.runs]),
                self._number(t[part.runs]),
                self._network,
            )

    def _number(self, values: np.ndarray) -> Any:
        """A Python float where the runs agree, which saves work at every step; else a column."""
        first = float(values[0, 0])
        return first if len(values) == 1 or (values == first).all() else self._column(values)

    def _column(self, values: np.ndarray) -> Column:
        """A column of these values, (rows, 1), that is worked out at once."""
        row = torch.tensor(values.T, dtype=torch.float64)

        def materialize(compute: Compute) -> Tensor:
            (value,) = compute({})
            return value.to(self._device, None if value.dtype is torch.bool else self._dtype)

        return Column(lambda _: row, materialize)


def _parts(block: Block, size: int, piece: int | None) -> Iterator[_Part]:
    """The whole block, or contiguous pieces of it: several whole runs, or a part of one run."""
    start, runs = block.rows.start, block.rows.stop - block.rows.start
    if piece is None or block.rule.scope is not Scope.ELEMENT or runs * size <= piece:
        yield _Part(block.rule, block.rows, slice(0, runs), slice(None))
        return
    height = max(piece // size, 1)
    width = -(-size // -(-size // piece))  # as even as possible
    for top in range(0, runs, height):
        rows = slice(top, min(top + height, runs))
        rule = update.with_columns(block.rule, itemgetter(rows))
        for left in range(0, size, width):
            elements = slice(left, left + width)
            yield _Part(rule, slice(start + rows.start, start + rows.stop), rows, elements)
