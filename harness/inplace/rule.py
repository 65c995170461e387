"""An elementwise update rule on NumPy arrays: compiled to a loop, or as a plan over pieces.

A plan cuts θ, the gradient and the state into pieces that fit into the cache together; each piece goes
through all operations of the rule before the next one starts. The arrays stay the same from step to
step, so every call is prepared once, and a step is a loop over prepared calls: of NumPy's functions, or
of a single one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from harness.contracts import Scope
from harness.inplace.columns import Columns
from harness.inplace.native import Native, candidate
from harness.inplace.plan import Plan, Reference, plan
from harness.inplace.tracing import trace

__all__ = ["InPlace", "in_place"]

# Elements of a piece. With Adam's two buffers six arrays of 4 bytes make 600 KB, which still fits into
# a second-level cache, and NumPy's overhead of half a microsecond a call is small beside the work.
# Measured from 4,096 to 65,536 on single runs and on stacks: half and twice as much are both slower.
PIECE = 24_576


def in_place(rule: Any, dtype: np.dtype) -> InPlace | None:
    """The rule, ready to be bound; None for one that sees more than elements or cannot be traced."""
    if rule.scope is not Scope.ELEMENT:
        return None
    try:
        return InPlace(rule, dtype)
    except Exception:  # `Untraceable`, or what NumPy and others raise when given a symbol
        return None  # the rule still runs, only slower; what is wrong with it will show there


class InPlace:
    """An elementwise rule that writes into θ and its state. Raises Untraceable, among others."""

    def __init__(self, rule: Any, dtype: np.dtype) -> None:
        self._rule = rule
        self._dtype = dtype
        self._slots = sorted(rule.init(np.zeros((1, 1), dtype)))
        self._plan: Plan = plan(trace(rule, self._slots))
        self._candidate = candidate(self._plan, dtype)
        self._columns = Columns(self._plan, rule)
        self._calls: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []
        self._leaves: dict[str, np.ndarray] = {}
        self._cells: dict[int, np.ndarray] = {}
        self._offered: Native | None = None
        self._native: Native | None = (
            None  # the same, where the arrays are such that it can be used
        )
        self._owns_gradient = False  # whether its array is ours to write into

    def init(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        """The state before the first step. theta: (R, P)."""
        return {name: np.array(slot) for name, slot in self._rule.init(theta).items()}

    def bind(self, theta: np.ndarray, gradient: np.ndarray, state: dict[str, np.ndarray]) -> None:
        """Prepares the steps on these arrays, (R, P)."""
        self._leaves = {"theta": theta, "gradient": gradient, **state}
        self._cells = self._columns.cells(theta.shape[0], self._dtype)
        self._owns_gradient = False
        self._prepare()

    def take(self, gradient: np.ndarray) -> None:
        """Has the next steps read another array."""
        if self._native is not None and self._is_plain(gradient):
            self._leaves["gradient"] = gradient
            self._calls = [(self._native.bind(self._leaves, self._cells), ())]
            return
        if not self._owns_gradient:
            self._leaves["gradient"] = np.empty_like(self._leaves["theta"])
            self._owns_gradient = True
            self._prepare()
        np.copyto(self._leaves["gradient"], gradient)  # cheaper than to prepare all calls

    def step(self, lr: np.ndarray, t: np.ndarray) -> None:
        """One step with the gradient that is in its array. lr, t: (R, 1) float64."""
        self._columns.update(lr, t)
        for operation, arguments in self._calls:
            operation(*arguments)
        if self._offered is None and self._candidate.ready(self._leaves["theta"].size):
            self._prepare()

    def _prepare(self) -> None:
        self._offered = self._candidate.native
        plain = all(map(self._is_plain, self._leaves.values()))
        self._native = self._offered if plain else None
        if self._native is not None:
            self._calls = [(self._native.bind(self._leaves, self._cells), ())]
        else:
            self._calls = list(self._planned(self._cells))

    def _is_plain(self, array: np.ndarray) -> bool:
        """Whether the compiled loop, which knows addresses alone, may have it."""
        shape = self._leaves["theta"].shape
        return array.shape == shape and array.dtype == self._dtype and array.flags.c_contiguous

    def _planned(
        self, cells: dict[int, np.ndarray]
    ) -> Iterator[tuple[Callable[..., Any], tuple[Any, ...]]]:
        buffers: dict[tuple[int, ...], list[np.ndarray]] = {}
        theta = self._leaves["theta"]
        for rows, columns in _pieces(*theta.shape):
            shape = theta[rows, columns].shape
            if shape not in buffers:
                buffers[shape] = [np.empty(shape, d or self._dtype) for d in self._plan.buffers]
            yield from self._piece(rows, columns, cells, buffers[shape])

    def _piece(
        self,
        rows: int | slice,
        columns: slice,
        cells: dict[int, np.ndarray],
        buffers: list[np.ndarray],
    ) -> Iterator[tuple[Callable[..., Any], tuple[Any, ...]]]:
        def array(reference: Reference) -> np.ndarray:
            if reference.kind == "leaf":
                return self._leaves[reference.key][rows, columns]
            if reference.kind == "buffer":
                return buffers[reference.key]
            cell = cells[reference.key]
            return cell[rows] if isinstance(rows, slice) else cell[rows].reshape(())

        for instruction in self._plan.instructions:
            arguments = (*map(array, instruction.arguments), array(instruction.out))
            yield instruction.operation, arguments


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
