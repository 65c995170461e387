"""The arguments of the loops of a traversal in LLVM's assembly language, and their calls.

A traversal has up to three loops, each around the one before:

- `elements`, over elements side by side: all of a run where rows and columns of a matrix are not told
  apart, else at most one row;
- `rows`, over the rows of a part of a matrix;
- `sums`, over parts in the order of a sum: over a run, or in `units` over each row by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from harness.inplace.llvm_operations import NotExact, Value
from harness.inplace.nodes import Kind
from harness.inplace.plan import Instruction, Operand, Plan

__all__ = [
    "Arguments",
    "Registers",
    "argument_list",
    "carried_buffers",
    "leaf_names",
    "sums_columns",
]

_LENGTH = {Kind.VECTOR: "%size", Kind.UNITS: "%units", Kind.INPUTS: "%inputs"}

Arguments = Sequence[tuple[str, str]]  # (type, register) each


def leaf_names(plan: Plan) -> list[str]:
    """The leaves that a plan reads or writes, in order."""
    return sorted(
        {operand.key for operand in _operands(plan.instructions) if operand.store == "leaf"}
    )


def carried_buffers(plan: Plan) -> dict[int, Kind]:
    """The buffers that are carried from one traversal to a later one, in order, each with its kind."""
    carried: dict[int, Kind] = {}
    for traversal in plan.traversals:
        written: set[Operand] = set()
        for instruction in (*traversal.vectors, *traversal.reductions):
            read = {operand for operand in instruction.arguments if operand.store == "buffer"}
            carried |= {operand.key: operand.over for operand in read - written}
            written.add(instruction.out)
    return dict(sorted(carried.items()))


def sums_columns(plan: Plan) -> bool:
    """Whether the columns of a matrix are summed up."""
    return any(
        i.out.over is Kind.INPUTS for traversal in plan.traversals for i in traversal.reductions
    )


def _operands(instructions: Iterable[Instruction]) -> list[Operand]:
    return [operand for i in instructions for operand in (*i.arguments, i.out)]


class Registers:
    """The registers and arguments of one traversal. Raises NotExact.

    Attributes:
        memory: Addresses of the arrays that are as long as the traversal.
        of_inputs: Addresses of the inputs, in a traversal of a whole matrix.
        of_units: Addresses of the units, in a traversal of a whole matrix.
        scalars: Registers of the numbers of the run.
        totals: The sums over all of a run.
        of_rows: The sums over each row.
        of_columns: The sums over each column.
        summed: The sums of strips: `of_rows` or `totals`.
        strips: Addresses of the short arrays that hold what these add up.
        one_row: The arguments of `elements`.
        all_rows: The arguments of `rows`.
        by_rows: Whether `rows` is there; where rows are summed up, `units` goes through them.
    """

    def __init__(self, plan: Plan, number: int, real: str) -> None:
        self.number = number
        self.traversal = traversal = plan.traversals[number]
        self.plan = plan
        self.real = real
        self.totals = [i for i in traversal.reductions if i.out.store == "value"]
        self.of_rows = [i for i in traversal.reductions if i.out.over is Kind.UNITS]
        self.of_columns = [i for i in traversal.reductions if i.out.over is Kind.INPUTS]
        if any(instruction.operation != np.add.reduce for instruction in traversal.reductions):
            raise NotExact("the largest of a vector")
        if self.totals and self.of_rows:
            raise NotExact("sums in the order of a run and of each row at once")
        self.summed = self.of_rows or self.totals
        self.sums = f"[{len(self.summed)} x {real}]"
        self.strips = [f"%strip{number}" for number in range(len(self.summed))]

        leaves, carried = leaf_names(plan), carried_buffers(plan)
        names = {
            operand: f"%leaf{leaves.index(operand.key)}"
            if operand.store == "leaf"
            else f"%carried{operand.key}"
            for operand in _operands((*traversal.vectors, *traversal.reductions))
            if operand.store == "leaf" or (operand.store == "buffer" and operand.key in carried)
        }
        self.memory = {
            operand: name for operand, name in names.items() if operand.over is traversal.over
        }
        self.of_inputs = {
            operand: name
            for operand, name in names.items()
            if operand.over is Kind.INPUTS is not traversal.over
        }
        written = {instruction.out: names[instruction.out] for instruction in self.of_rows}
        self.sums_of_units = list(written.values())
        self.of_units = {
            operand: name
            for operand, name in names.items()
            if operand.over is Kind.UNITS is not traversal.over and operand not in written
        }
        read = {operand for i in traversal.vectors for operand in i.arguments}
        self.scalars = {
            operand: Value(
                f"%{operand.store}{operand.key}",
                "i1" if operand.store == "value" and plan.values[operand.key] is bool else real,
            )
            for operand in sorted(read, key=str)
            if operand.store in ("column", "value")
        }
        memory = [*self.memory.values(), *self.of_inputs.values(), *self.strips]
        self._common = [
            *(("ptr", name) for name in memory),
            *((value.type, value.name) for value in self.scalars.values()),
        ]
        self.one_row = [*self._common, *((real, f"{n}.unit") for n in self.of_units.values())]
        self.all_rows = [
            *self._common,
            *(("ptr", name) for name in self.of_units.values()),
            ("i64", "%inputs"),
        ]
        self.by_rows = bool(self.of_inputs or self.of_units) and not self.of_rows

    def call(self, values: dict[Operand, Value]) -> list[str]:
        """The lines that go through a run.

        Args:
            values: Registers of the caller for its scalars.
        """
        renamed = {scalar.name: values[operand].name for operand, scalar in self.scalars.items()}
        length = f"i64 {_LENGTH[self.traversal.over]}"
        lines = [
            f"call void @llvm.memset.p0.i64(ptr {self.of_inputs[i.out]}, i8 0, i64 %inputs.bytes, i1 0)"
            for i in self.of_columns
        ]
        if self.of_rows:
            all_arguments = argument_list(
                [*self.all_rows, *(("ptr", n) for n in self.sums_of_units)], renamed
            )
            return [*lines, f"call void @units{self.number}({all_arguments}, i64 %units)"]
        name, arguments = self.inner()
        part = f"({argument_list(arguments, renamed)}, i64 0, {length})"
        if self.totals:
            return [*lines, f"%sums{self.number} = call {self.sums} @sums{self.number}{part}"]
        return [*lines, f"call void @{name}{part}"]

    def inner(self) -> tuple[str, Arguments]:
        """Name and arguments of the function that goes through a part, or through all."""
        if self.by_rows:
            return f"rows{self.number}", self.all_rows
        return f"elements{self.number}", self.one_row


def argument_list(
    arguments: Arguments, renamed: dict[str, str] | None = None, attribute: str = ""
) -> str:
    """A list of arguments, as of a definition or a call.

    Args:
        arguments: Types and registers.
        renamed: Other registers for some of them, by register.
        attribute: Attribute of pointers, with a space at the end.
    """
    renamed = renamed or {}
    return ", ".join(
        f"{kind} {attribute if kind == 'ptr' else ''}{renamed.get(name, name)}"
        for kind, name in arguments
    )
