"""Turns the trace of an update rule into operations on preallocated buffers.

The classic steps of a compiler for straight-line code: order the operations, find where each value is
read last, give one buffer to values whose lives do not overlap, and write a new value straight over
the old one where nothing reads the old one any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from harness.inplace.nodes import Kind, Node, select
from harness.inplace.stages import in_order, stages_of
from harness.inplace.tracing import Trace

__all__ = ["Buffer", "Column", "Instruction", "Operand", "Plan", "Traversal", "plan"]


@dataclass(frozen=True)
class Operand:
    """An operand of an instruction.

    Attributes:
        store: Kind of its storage: "leaf", "buffer", "value" or "column".
        key: Name of a leaf, number of any other.
        over: The kind of an array: what it has numbers for.
    """

    store: str
    key: Any
    over: Kind = Kind.VECTOR


@dataclass(frozen=True)
class Instruction:
    """One call of a NumPy function: operation(*arguments, out), or the reduction of an argument."""

    operation: Callable[..., Any]
    arguments: tuple[Operand, ...]
    out: Operand


@dataclass(frozen=True)
class Column:
    """A number a run: a leaf by name, a constant, or an operation on other columns by number."""

    operation: Callable[..., Any] | None = None
    arguments: tuple[int, ...] = ()
    name: str = ""
    constant: float | None = None


@dataclass(frozen=True)
class Buffer:
    """Memory for a vector, or for units or inputs.

    Attributes:
        dtype: Type of the numbers; None for that of θ.
        whole: Whether it holds all of a run, instead of one piece.
        over: Kind of the array.
    """

    dtype: type | None
    whole: bool = False
    over: Kind = Kind.VECTOR


@dataclass(frozen=True)
class Traversal:
    """One loop through arrays of one length.

    Attributes:
        values: Operations on values, done before the loop.
        vectors: Operations on the arrays, done element by element.
        reductions: Sums and the like of the arrays, done after the loop.
        over: Kind of the arrays: all of θ, or the units or inputs of a matrix.
    """

    values: list[Instruction] = field(default_factory=list)
    vectors: list[Instruction] = field(default_factory=list)
    reductions: list[Instruction] = field(default_factory=list)
    over: Kind = Kind.VECTOR

    def __iter__(self) -> Iterator[Instruction]:
        yield from (*self.values, *self.vectors, *self.reductions)


@dataclass
class Plan:
    """What to run: instructions, traversal by traversal.

    Attributes:
        columns: Numbers of the columns that instructions read.
        traversals: The traversals, in order.
        buffers: The buffers, by number.
        values: Types of the values, by number; None for that of θ.
    """

    columns: list[int] = field(default_factory=list)
    traversals: list[Traversal] = field(default_factory=list)
    buffers: list[Buffer] = field(default_factory=list)
    values: list[type | None] = field(default_factory=list)

    @property
    def instructions(self) -> list[Instruction]:
        """The instructions of all traversals, in order."""
        return [instruction for traversal in self.traversals for instruction in traversal]

    @property
    def of_a_matrix(self) -> bool:
        """Whether rows and columns are told apart."""
        operands = (operand for i in self.instructions for operand in (*i.arguments, i.out))
        return any(operand.over is not Kind.VECTOR for operand in operands)


def plan(traced: Trace, columns: dict[Column, int]) -> Plan:
    """The plan of a trace.

    Args:
        traced: The trace.
        columns: The columns so far, numbered in order; those of the plan are added.
    """
    return _Planner(traced, columns).plan


class _Planner:
    def __init__(self, traced: Trace, columns: dict[Column, int]) -> None:
        self.plan = Plan()
        self._columns = columns
        self._operands = {
            leaf: Operand("leaf", name, leaf.kind) for name, leaf in traced.leaves.items()
        }
        self._free: dict[Buffer, list[int]] = {}
        self._outputs = {
            # A slot that becomes another leaf is copied first, so that no order of writes matters
            name: node if node.operation else Node(node.kind, np.positive, (node,))
            for name, node in traced.outputs.items()
            if node is not traced.leaves[name]
        }
        # θ last: its expression usually reads the new state, which may then be written in place
        results = sorted(
            self._outputs.values(), key=lambda node: node is self._outputs.get("theta")
        )
        nodes = in_order(results)
        self._stages = stages_of(nodes, results)
        self._last = max(self._stages.values(), default=0)
        nodes.sort(key=self._order)
        self._whole = self._read_elsewhere(nodes)
        self._last_read = {a: n for n, node in enumerate(nodes) for a in node.arguments}
        targets = {node: name for name, node in reversed(self._outputs.items())}

        self._traversals: dict[tuple[int, Kind], Traversal] = {}
        for node in sorted(nodes, key=lambda node: node.kind is Kind.VALUE):
            self._traversal(node)
        self.plan.traversals = [self._traversals[key] for key in sorted(self._traversals)]
        for position, node in enumerate(nodes):
            self._add(node, position, targets.get(node), traced)
        for name, node in sorted(self._outputs.items(), key=lambda output: -output[1].kind):
            self._copy(self._operands[node], Operand("leaf", name, node.kind))

    def _copy(self, operand: Operand, leaf: Operand) -> None:
        """Adds a copy at the end, where nothing reads the leaf any more."""
        if operand != leaf:
            if self.plan.traversals[-1].over is not leaf.over:
                self.plan.traversals.append(Traversal(over=leaf.over))
            self.plan.traversals[-1].vectors.append(Instruction(np.positive, (operand,), leaf))

    def _order(self, node: Node) -> tuple[int, Kind, bool]:
        """The order of an operation: its stage, the kind of its traversal, and whether it reduces."""
        if node.reduces:
            (argument,) = node.arguments
            assert isinstance(argument, Node)
            return self._stages[node] - 1, argument.kind, True
        return self._stages[node], node.kind, False

    def _traversal(self, node: Node) -> Traversal:
        """The traversal of an operation; values belong to the first traversal of their stage."""
        number, over, _ = self._order(node)
        if over is Kind.VALUE:
            over = min(over for stage, over in self._traversals if stage == number)
        return self._traversals.setdefault((number, over), Traversal(over=over))

    def _read_elsewhere(self, nodes: list[Node]) -> set[Node]:
        """The nodes that are read in a later stage than their own."""
        carried = {n for n in self._outputs.values() if self._stages[n] < self._last}
        for node in nodes:
            staged = (a for a in node.arguments if isinstance(a, Node) and a in self._stages)
            carried.update(a for a in staged if self._stages[a] < self._stages[node])
        return carried

    def _add(self, node: Node, position: int, target: str | None, traced: Trace) -> None:
        arguments = tuple(map(self._operand, node.arguments))
        if node.kind is Kind.VALUE:
            self.plan.values.append(node.dtype)
            out = Operand("value", len(self.plan.values) - 1)
        elif target and self._may_overwrite(traced.leaves[target], node, position):
            out = Operand("leaf", target, node.kind)
        else:
            whole = node in self._whole or node.kind is not Kind.VECTOR
            out = self._buffer(Buffer(node.dtype, whole, node.kind), fresh=node.reduces)
        self._operands[node] = out
        traversal = self._traversal(node)
        instruction = Instruction(node.operation, arguments, out)  # type: ignore[arg-type]  # leaves have been left out
        if node.reduces:
            traversal.reductions.append(instruction)
        else:
            (traversal.values if node.kind is Kind.VALUE else traversal.vectors).append(instruction)
        for argument in node.arguments:
            self._release(argument, position)

    def _operand(self, argument: Node | float) -> Operand:
        if isinstance(argument, Node) and argument.kind is not Kind.COLUMN:
            return self._operands[argument]
        number = self._column(argument)
        if number not in self.plan.columns:
            self.plan.columns.append(number)
        return Operand("column", self.plan.columns.index(number))

    def _column(self, argument: Node | float) -> int:
        if isinstance(argument, Node):
            inputs = tuple(map(self._column, argument.arguments))
            column = Column(argument.operation, inputs, argument.name)
        else:
            # a name, since 0 and −0 are equal as numbers
            column = Column(name=repr(float(argument)), constant=float(argument))
        return self._columns.setdefault(column, len(self._columns))

    def _buffer(self, buffer: Buffer, fresh: bool) -> Operand:
        """A free buffer of this form; with `fresh` a new one, as for a sum, which is written while the
        traversal still reads buffers that are free after it."""
        free = self._free.setdefault(buffer, [])
        if fresh or not free:
            self.plan.buffers.append(buffer)
            return Operand("buffer", len(self.plan.buffers) - 1, buffer.over)
        return Operand("buffer", free.pop(), buffer.over)

    def _release(self, argument: Node | float, position: int) -> None:
        operand = self._operands.get(argument) if isinstance(argument, Node) else None
        if operand is None:
            return
        is_output = argument in self._outputs.values()
        if operand.store == "buffer" and self._last_read[argument] == position and not is_output:
            pool = self._free[self.plan.buffers[operand.key]]
            if operand.key not in pool:  # an operation may read the same value twice
                pool.append(operand.key)

    def _may_overwrite(self, leaf: Node, node: Node, position: int) -> bool:
        """Whether the result of an operation can be written over a leaf at once."""
        if node.reduces or (node.operation is select and leaf in node.arguments):
            return False  # `select` and sums write first and read the leaf afterwards
        return self._last_read.get(leaf, -1) <= position
