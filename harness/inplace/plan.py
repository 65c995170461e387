"""Turns the trace of an update rule into operations on preallocated buffers.

The classic steps of a compiler for straight-line code: order the operations, find where each value is
read last, give values whose lives do not meet the same buffer, and write a new value straight over
the old one where nothing reads the old one any more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from harness.inplace.tracing import Symbol, Trace, select

__all__ = ["Column", "Instruction", "Plan", "Reference", "plan"]


@dataclass(frozen=True)
class Reference:
    """An operand: a leaf array by name, a buffer by number, or a column by number."""

    kind: str  # "leaf", "buffer" or "column"
    key: Any


@dataclass(frozen=True)
class Instruction:
    """One call of a NumPy function: operation(*arguments, out)."""

    operation: Callable[..., Any]
    arguments: tuple[Reference, ...]
    out: Reference


@dataclass
class Column:
    """A value a run: a leaf by name, a constant, or an operation on other columns by number."""

    operation: Callable[..., Any] | None
    arguments: tuple[int, ...]
    name: str = ""
    constant: float | None = None


@dataclass
class Plan:
    """What to run: columns in order of evaluation, and instructions over vectors."""

    columns: list[Column] = field(default_factory=list)
    used_columns: list[int] = field(default_factory=list)  # those that instructions read
    instructions: list[Instruction] = field(default_factory=list)
    buffers: list[type | None] = field(default_factory=list)  # their dtypes; None: that of θ


def plan(traced: Trace) -> Plan:
    """The plan of a trace."""
    return _Planner(traced).plan


class _Planner:
    def __init__(self, traced: Trace) -> None:
        self.plan = Plan()
        self._column_numbers: dict[int, int] = {}
        self._places: dict[int, Reference] = {}
        self._free: dict[type | None, list[int]] = {}
        for name, leaf in traced.leaves.items():
            self._places[id(leaf)] = Reference("leaf", name)

        outputs = {
            # A slot that takes over another leaf is copied first, so that no order of writes matters.
            name: symbol if symbol.operation else Symbol(np.positive, (symbol,), True)
            for name, symbol in traced.outputs.items()
            if symbol is not traced.leaves[name]
        }
        vectors = _in_order(list(outputs.values()))
        last_read = _last_reads(vectors)
        targets = {id(symbol): name for name, symbol in reversed(outputs.items())}
        copies = []
        for position, symbol in enumerate(vectors):
            arguments = tuple(self._reference(argument) for argument in symbol.arguments)
            target = targets.get(id(symbol))
            if target and _may_overwrite(traced.leaves[target], symbol, position, last_read):
                out = Reference("leaf", target)
            else:
                out = self._buffer(symbol.dtype)
            self.plan.instructions.append(Instruction(symbol.operation, arguments, out))  # type: ignore[arg-type]
            self._places[id(symbol)] = out
            for argument in symbol.arguments:
                self._release(argument, position, last_read, outputs)
        for name, symbol in outputs.items():
            if self._places[id(symbol)] != Reference("leaf", name):
                copies.append((name, self._places[id(symbol)]))
        for name, source in copies:
            self.plan.instructions.append(
                Instruction(np.positive, (source,), Reference("leaf", name))
            )

    def _reference(self, argument: Any) -> Reference:
        if isinstance(argument, Symbol) and argument.vector:
            return self._places[id(argument)]
        number = self._column(argument)
        if number not in self.plan.used_columns:
            self.plan.used_columns.append(number)
        return Reference("column", number)

    def _column(self, argument: Any) -> int:
        if not isinstance(argument, Symbol):
            self.plan.columns.append(Column(None, (), constant=float(argument)))
            return len(self.plan.columns) - 1
        if id(argument) not in self._column_numbers:
            inputs = tuple(self._column(inner) for inner in argument.arguments)
            self.plan.columns.append(Column(argument.operation, inputs, argument.name))
            self._column_numbers[id(argument)] = len(self.plan.columns) - 1
        return self._column_numbers[id(argument)]

    def _buffer(self, dtype: type | None) -> Reference:
        free = self._free.setdefault(dtype, [])
        if not free:
            self.plan.buffers.append(dtype)
            free.append(len(self.plan.buffers) - 1)
        return Reference("buffer", free.pop())

    def _release(
        self, argument: Any, position: int, last_read: dict[int, int], outputs: dict[str, Symbol]
    ) -> None:
        if not isinstance(argument, Symbol) or not argument.vector:
            return
        place = self._places[id(argument)]
        kept = any(symbol is argument for symbol in outputs.values())
        if place.kind == "buffer" and last_read[id(argument)] == position and not kept:
            pool = self._free[self.plan.buffers[place.key]]
            if place.key not in pool:  # an operation may read the same value twice
                pool.append(place.key)


def _may_overwrite(leaf: Symbol, symbol: Symbol, position: int, last_read: dict[int, int]) -> bool:
    """Whether the result of an operation can take the place of a leaf at once."""
    if symbol.operation is select and any(argument is leaf for argument in symbol.arguments):
        return False  # `select` writes twice, and would read what it has written
    return last_read.get(id(leaf), -1) <= position


def _in_order(outputs: list[Symbol]) -> list[Symbol]:
    """All vector operations the outputs need, arguments before what uses them."""
    found: dict[int, Symbol] = {}

    def visit(symbol: Any) -> None:
        if not isinstance(symbol, Symbol) or not symbol.vector or symbol.operation is None:
            return
        if id(symbol) in found:
            return
        for argument in symbol.arguments:
            visit(argument)
        found[id(symbol)] = symbol

    # θ last: its expression usually reads the new state, which may then be written in place.
    for symbol in [*outputs[1:], outputs[0]] if outputs else []:
        visit(symbol)
    return list(found.values())


def _last_reads(vectors: list[Symbol]) -> dict[int, int]:
    reads: dict[int, int] = {}
    for position, symbol in enumerate(vectors):
        for argument in symbol.arguments:
            if isinstance(argument, Symbol):
                reads[id(argument)] = position
    return reads
