"""Turns the trace of an update rule into operations on preallocated buffers.

The classic steps of a compiler for straight-line code: order the operations, find where each value is
read last, give values whose lives do not meet the same buffer, and write a new value straight over
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

__all__ = ["Buffer", "Column", "Instruction", "Plan", "Reference", "Walk", "plan"]


@dataclass(frozen=True)
class Reference:
    """An operand: a leaf array by name; a buffer, a value or a column by number.

    over: what an array has numbers for.
    """

    store: str  # "leaf", "buffer", "value" or "column"
    key: Any
    over: Kind = Kind.VECTOR


@dataclass(frozen=True)
class Instruction:
    """One call of a NumPy function: operation(*arguments, out), or the reduction of an argument."""

    operation: Callable[..., Any]
    arguments: tuple[Reference, ...]
    out: Reference


@dataclass(frozen=True)
class Column:
    """A value a run: a leaf by name, a constant, or an operation on other columns by number."""

    operation: Callable[..., Any] | None = None
    arguments: tuple[int, ...] = ()
    name: str = ""
    constant: float | None = None


@dataclass(frozen=True)
class Buffer:
    """A place for a vector, or for units or inputs.

    whole: for all of a run, and not for the piece at hand alone.
    """

    dtype: type | None  # None: that of θ
    whole: bool = False
    over: Kind = Kind.VECTOR


@dataclass(frozen=True)
class Walk:
    """One walk: values first, then arrays, then what they are reduced to.

    over: what it goes through, all of θ, or what there is one of for each row or column of a matrix.
    """

    values: list[Instruction] = field(default_factory=list)
    vectors: list[Instruction] = field(default_factory=list)
    reductions: list[Instruction] = field(default_factory=list)
    over: Kind = Kind.VECTOR

    def __iter__(self) -> Iterator[Instruction]:
        yield from (*self.values, *self.vectors, *self.reductions)


@dataclass
class Plan:
    """What to run: instructions in walks."""

    columns: list[int] = field(default_factory=list)  # those that instructions read
    walks: list[Walk] = field(default_factory=list)
    buffers: list[Buffer] = field(default_factory=list)
    values: list[type | None] = field(default_factory=list)  # their dtypes; None: that of θ

    @property
    def instructions(self) -> list[Instruction]:
        """Of all walks, in order."""
        return [instruction for walk in self.walks for instruction in walk]

    @property
    def of_a_matrix(self) -> bool:
        """Whether rows and columns are told apart."""
        places = (place for i in self.instructions for place in (*i.arguments, i.out))
        return any(place.over is not Kind.VECTOR for place in places)


def plan(traced: Trace, columns: dict[Column, int]) -> Plan:
    """The plan of a trace. columns: those known so far, numbered in order; it adds its own."""
    return _Planner(traced, columns).plan


class _Planner:
    def __init__(self, traced: Trace, columns: dict[Column, int]) -> None:
        self.plan = Plan()
        self._columns = columns
        self._places = {
            leaf: Reference("leaf", name, leaf.kind) for name, leaf in traced.leaves.items()
        }
        self._free: dict[Buffer, list[int]] = {}
        self._outputs = {
            # A slot that takes over another leaf is copied first, so that no order of writes matters.
            name: node if node.operation else Node(node.kind, np.positive, (node,))
            for name, node in traced.outputs.items()
            if node is not traced.leaves[name]
        }
        # θ last: its expression usually reads the new state, which may then be written in place.
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

        self._walks: dict[tuple[int, Kind], Walk] = {}
        for node in sorted(nodes, key=lambda node: node.kind is Kind.VALUE):
            self._walk(node)
        self.plan.walks = [self._walks[key] for key in sorted(self._walks)]
        for position, node in enumerate(nodes):
            self._add(node, position, targets.get(node), traced)
        for name, node in sorted(self._outputs.items(), key=lambda output: -output[1].kind):
            self._copy(self._places[node], Reference("leaf", name, node.kind))

    def _copy(self, place: Reference, leaf: Reference) -> None:
        """At the end, where nothing reads the leaf any more."""
        if place != leaf:
            if self.plan.walks[-1].over is not leaf.over:
                self.plan.walks.append(Walk(over=leaf.over))
            self.plan.walks[-1].vectors.append(Instruction(np.positive, (place,), leaf))

    def _order(self, node: Node) -> tuple[int, Kind, bool]:
        """Where an operation has its place: its stage, what that goes through then, and when in that."""
        if node.reduces:
            (argument,) = node.arguments
            assert isinstance(argument, Node)
            return self._stages[node] - 1, argument.kind, True
        return self._stages[node], node.kind, False

    def _walk(self, node: Node) -> Walk:
        """What an operation is part of; values come before the first walk of their stage."""
        number, over, _ = self._order(node)
        if over is Kind.VALUE:
            over = min(over for stage, over in self._walks if stage == number)
        return self._walks.setdefault((number, over), Walk(over=over))

    def _read_elsewhere(self, nodes: list[Node]) -> set[Node]:
        """The nodes that are read after the walk through θ that they are worked out in."""
        found = {n for n in self._outputs.values() if self._stages[n] < self._last}
        for node in nodes:
            own = (a for a in node.arguments if isinstance(a, Node) and a in self._stages)
            found.update(a for a in own if self._stages[a] < self._stages[node])
        return found

    def _add(self, node: Node, position: int, target: str | None, traced: Trace) -> None:
        arguments = tuple(map(self._reference, node.arguments))
        if node.kind is Kind.VALUE:
            self.plan.values.append(node.dtype)
            out = Reference("value", len(self.plan.values) - 1)
        elif target and self._may_overwrite(traced.leaves[target], node, position):
            out = Reference("leaf", target, node.kind)
        else:
            whole = node in self._whole or node.kind is not Kind.VECTOR
            out = self._buffer(Buffer(node.dtype, whole, node.kind), fresh=node.reduces)
        self._places[node] = out
        walk = self._walk(node)
        instruction = Instruction(node.operation, arguments, out)  # type: ignore[arg-type]
        if node.reduces:
            walk.reductions.append(instruction)
        else:
            (walk.values if node.kind is Kind.VALUE else walk.vectors).append(instruction)
        for argument in node.arguments:
            self._release(argument, position)

    def _reference(self, argument: Node | float) -> Reference:
        if isinstance(argument, Node) and argument.kind is not Kind.COLUMN:
            return self._places[argument]
        number = self._column(argument)
        if number not in self.plan.columns:
            self.plan.columns.append(number)
        return Reference("column", self.plan.columns.index(number))

    def _column(self, argument: Node | float) -> int:
        if isinstance(argument, Node):
            inputs = tuple(map(self._column, argument.arguments))
            column = Column(argument.operation, inputs, argument.name)
        else:
            # by its name, for 0 and −0 are equal
            column = Column(name=repr(float(argument)), constant=float(argument))
        return self._columns.setdefault(column, len(self._columns))

    def _buffer(self, buffer: Buffer, fresh: bool) -> Reference:
        """fresh: for sums, which grow while the walk still reads what others have held."""
        free = self._free.setdefault(buffer, [])
        if fresh or not free:
            self.plan.buffers.append(buffer)
            return Reference("buffer", len(self.plan.buffers) - 1, buffer.over)
        return Reference("buffer", free.pop(), buffer.over)

    def _release(self, argument: Node | float, position: int) -> None:
        place = self._places.get(argument) if isinstance(argument, Node) else None
        if place is None:
            return
        kept = argument in self._outputs.values()
        if place.store == "buffer" and self._last_read[argument] == position and not kept:
            pool = self._free[self.plan.buffers[place.key]]
            if place.key not in pool:  # an operation may read the same value twice
                pool.append(place.key)

    def _may_overwrite(self, leaf: Node, node: Node, position: int) -> bool:
        """Whether the result of an operation can take the place of a leaf at once."""
        if node.reduces or (node.operation is select and leaf in node.arguments):
            return False  # `select` writes twice, and would read what it has written; so do sums
        return self._last_read.get(leaf, -1) <= position
