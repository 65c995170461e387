"""Runs update rules on NumPy arrays: elementwise ones as a traced plan, the others as written.

θ, the gradient and the state of a stack are cut into pieces that fit into the cache together; each
piece goes through all operations of the rule before the next one starts. The arrays stay the same
from step to step, so every call of NumPy is prepared once, and a step is a loop over prepared calls.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from harness import Block, Network, Scope, float_fields
from harness_numpy.columns import Columns
from harness_numpy.plan import Plan, Reference, plan
from harness_numpy.tracing import trace

__all__ = ["NumpyUpdater"]

# Elements of a piece. With Adam's two buffers six arrays of 4 bytes make 600 KB, which still fits into
# a second-level cache, and NumPy's overhead of half a microsecond a call is small beside the work.
# Measured from 4,096 to 65,536 on single runs and on stacks: half and twice as much are both slower.
PIECE = 24_576


class NumpyUpdater:
    """The update rules of a stack; see harness.Updater. Writes into θ and the state."""

    def __init__(self, blocks: Sequence[Block], network: Network, dtype: str) -> None:
        self._blocks = list(blocks)
        self._runners: list[Any] = [_runner(block, network, np.dtype(dtype)) for block in blocks]
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
        """One step of every block; lr, t: (R, 1) float64."""
        bound_theta, bound_gradient, bound_state = self._bound_to
        if theta is not bound_theta or state is not bound_state:
            for runner, block, slots in zip(self._runners, self._blocks, state, strict=True):
                runner.bind(theta[block.rows], gradient[block.rows], slots)
            self._bound_to = (theta, gradient, state)
        elif gradient is not bound_gradient:
            np.copyto(bound_gradient, gradient)
        for runner, block in zip(self._runners, self._blocks, strict=True):
            runner.step(lr[block.rows], t[block.rows])
        return theta, state


def _runner(block: Block, network: Network, dtype: np.dtype) -> Any:
    if block.rule.scope is Scope.ELEMENT:
        try:
            return _Traced(block.rule, dtype)
        except Exception:  # `Untraceable`, or what NumPy and others raise when given a symbol
            pass  # the rule still runs, only slower; what is wrong with it will show there
    return _AsWritten(block, network, dtype)


class _AsWritten:
    """A rule whose operations cannot be recorded: it is called as it stands."""

    def __init__(self, block: Block, network: Network, dtype: np.dtype) -> None:
        rule = copy.copy(block.rule)
        for name in float_fields(rule):
            # Always a column, even where runs agree, so that a run does not depend on its company.
            value = np.asarray(getattr(rule, name), np.float64).reshape(-1, 1)
            rows = block.rows.stop - block.rows.start
            object.__setattr__(rule, name, np.broadcast_to(value, (rows, 1)).astype(dtype))
        self._block = Block(slice(0, block.rows.stop - block.rows.start), rule)
        self._network = network
        self._dtype = dtype

    def init(self, theta: np.ndarray) -> Any:
        from harness.update import initial_state

        return initial_state(self._block, theta, self._network)

    def bind(self, theta: np.ndarray, gradient: np.ndarray, state: Any) -> None:
        self._arrays = (theta, gradient, state)

    def step(self, lr: np.ndarray, t: np.ndarray) -> None:
        from harness.update import apply

        lr, t = lr.astype(self._dtype), t.astype(self._dtype)
        apply(self._block, *self._arrays, lr, t, self._network)


class _Traced:
    """An elementwise rule as a plan over pieces."""

    def __init__(self, rule: Any, dtype: np.dtype) -> None:
        self._rule = rule
        self._dtype = dtype
        self._slots = sorted(rule.init(np.zeros((1, 1), dtype)))
        self._plan: Plan = plan(trace(rule, self._slots))
        self._calls: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []
        self._columns = Columns(self._plan, rule)

    def init(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        return {name: np.array(slot) for name, slot in self._rule.init(theta).items()}

    def step(self, lr: np.ndarray, t: np.ndarray) -> None:
        self._columns.update(lr, t)
        for operation, arguments in self._calls:
            operation(*arguments)

    def bind(self, theta: np.ndarray, gradient: np.ndarray, state: dict[str, np.ndarray]) -> None:
        """Prepares the calls for these arrays."""
        leaves = {"theta": theta, "gradient": gradient, **state}
        cells = self._columns.cells(theta.shape[0], self._dtype)
        self._calls = []
        buffers: dict[tuple[Any, tuple[int, ...]], list[np.ndarray]] = {}
        for rows, columns in _pieces(*theta.shape):
            shape = theta[rows, columns].shape
            if shape not in buffers:
                buffers[shape] = [np.empty(shape, d or self._dtype) for d in self._plan.buffers]
            self._bind_piece(rows, columns, leaves, cells, buffers[shape])

    def _bind_piece(
        self,
        rows: int | slice,
        columns: slice,
        leaves: dict[str, np.ndarray],
        cells: dict[int, np.ndarray],
        buffers: list[np.ndarray],
    ) -> None:
        def array(reference: Reference) -> np.ndarray:
            if reference.kind == "leaf":
                return leaves[reference.key][rows, columns]
            if reference.kind == "buffer":
                return buffers[reference.key]
            cell = cells[reference.key]
            return cell[rows] if isinstance(rows, slice) else cell[rows].reshape(())

        for instruction in self._plan.instructions:
            arguments = (*map(array, instruction.arguments), array(instruction.out))
            self._calls.append((instruction.operation, arguments))


def _pieces(rows: int, size: int) -> Iterator[tuple[int | slice, slice]]:
    """(rows, columns) indices of each piece: part of a run, one run, or several whole runs.

    One row is an int, so that the piece is a vector: NumPy calls cost less than on a (1, n) matrix.
    """
    if size > PIECE:
        parts = -(-size // PIECE)
        edges = [size * part // parts for part in range(parts + 1)]
        for row in range(rows):
            for start, stop in pairwise(edges):
                yield row, slice(start, stop)
    else:
        group = PIECE // size
        for start in range(0, rows, group):
            stop = min(start + group, rows)
            yield start if stop == start + 1 else slice(start, stop), slice(0, size)
