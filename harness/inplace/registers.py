"""What the loops of a walk are given in LLVM's assembly language, and how they are called.

A walk has up to three loops, each around the one before:

- `elements`, over elements side by side: all of a run where rows and columns of a matrix are not told
  apart, else no more than a row, whose number it is given;
- `rows`, over the rows that a part of a matrix has;
- `sums`, over parts in the order of a sum: of a run, or for `units` of each row by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from harness.inplace.nodes import Kind
from harness.inplace.operations import NotExact, Value
from harness.inplace.plan import Instruction, Plan, Reference

__all__ = ["Arguments", "Registers", "given", "kept_of", "leaves_of", "sums_columns"]

_LENGTH = {Kind.VECTOR: "%size", Kind.UNITS: "%units", Kind.INPUTS: "%inputs"}

Arguments = Sequence[tuple[str, str]]  # types and registers


def leaves_of(plan: Plan) -> list[str]:
    """The leaves that a plan reads or writes, in order."""
    return sorted({place.key for place in _places(plan.instructions) if place.store == "leaf"})


def kept_of(plan: Plan) -> dict[int, Kind]:
    """The buffers that are kept from one walk to a later one, in order, and what they are as long as."""
    kept: dict[int, Kind] = {}
    for walk in plan.walks:
        made: set[Reference] = set()
        for instruction in (*walk.vectors, *walk.reductions):
            read = {place for place in instruction.arguments if place.store == "buffer"}
            kept |= {place.key: place.over for place in read - made}
            made.add(instruction.out)
    return dict(sorted(kept.items()))


def sums_columns(plan: Plan) -> bool:
    """Whether the columns of a matrix are summed up."""
    return any(i.out.over is Kind.INPUTS for walk in plan.walks for i in walk.reductions)


def _places(instructions: Iterable[Instruction]) -> list[Reference]:
    return [place for i in instructions for place in (*i.arguments, i.out)]


class Registers:
    """The registers and arguments of one walk, by its number. Raises NotExact.

    memory: addresses of what is as long as the walk; of_inputs, of_units: of what a matrix has one of
    for each column or row, where all of the matrix is walked through. scalars: numbers of the run.
    totals, of_rows, of_columns: what is summed up, over all of a run, each row, and each column; strips:
    what the first two are written to. one_row, all_rows: the arguments of `elements` and of `rows`.
    """

    def __init__(self, plan: Plan, number: int, real: str) -> None:
        self.number = number
        self.walk = walk = plan.walks[number]
        self.plan = plan
        self.real = real
        self.totals = [i for i in walk.reductions if i.out.store == "value"]
        self.of_rows = [i for i in walk.reductions if i.out.over is Kind.UNITS]
        self.of_columns = [i for i in walk.reductions if i.out.over is Kind.INPUTS]
        if any(instruction.operation != np.add.reduce for instruction in walk.reductions):
            raise NotExact("the largest of a vector")
        if self.totals and self.of_rows:
            raise NotExact("sums in the order of a run and of each row at once")
        self.summed = self.of_rows or self.totals
        self.sums = f"[{len(self.summed)} x {real}]"
        self.strips = [f"%strip{number}" for number in range(len(self.summed))]

        leaves, kept = leaves_of(plan), kept_of(plan)
        names = {
            place: f"%leaf{leaves.index(place.key)}"
            if place.store == "leaf"
            else f"%kept{place.key}"
            for place in _places((*walk.vectors, *walk.reductions))
            if place.store == "leaf" or (place.store == "buffer" and place.key in kept)
        }
        self.memory = {place: name for place, name in names.items() if place.over is walk.over}
        self.of_inputs = {
            place: name
            for place, name in names.items()
            if place.over is Kind.INPUTS is not walk.over
        }
        written = {instruction.out: names[instruction.out] for instruction in self.of_rows}
        self.sums_of_units = list(written.values())
        self.of_units = {
            place: name
            for place, name in names.items()
            if place.over is Kind.UNITS is not walk.over and place not in written
        }
        read = {place for i in walk.vectors for place in i.arguments}
        self.scalars = {
            place: Value(
                f"%{place.store}{place.key}",
                "i1" if place.store == "value" and plan.values[place.key] is bool else real,
            )
            for place in sorted(read, key=str)
            if place.store in ("column", "value")
        }
        # What the functions are given
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
        # Where rows are summed up, `units` goes through them
        self.by_rows = bool(self.of_inputs or self.of_units) and not self.of_rows

    def call(self, values: dict[Reference, Value]) -> list[str]:
        """The lines that go through a run. values: what its scalars are."""
        known = {own.name: values[place].name for place, own in self.scalars.items()}
        length = f"i64 {_LENGTH[self.walk.over]}"
        lines = [
            f"call void @llvm.memset.p0.i64(ptr {self.of_inputs[i.out]}, i8 0, i64 %inputs.bytes, i1 0)"
            for i in self.of_columns
        ]
        if self.of_rows:
            every = given([*self.all_rows, *(("ptr", n) for n in self.sums_of_units)], known)
            return [*lines, f"call void @units{self.number}({every}, i64 %units)"]
        name, arguments = self.inner()
        part = f"({given(arguments, known)}, i64 0, {length})"
        if self.totals:
            return [*lines, f"%sums{self.number} = call {self.sums} @sums{self.number}{part}"]
        return [*lines, f"call void @{name}{part}"]

    def inner(self) -> tuple[str, Arguments]:
        """What goes through a part that is summed up, or through all."""
        if self.by_rows:
            return f"rows{self.number}", self.all_rows
        return f"elements{self.number}", self.one_row


def given(arguments: Arguments, known: dict[str, str] | None = None, how: str = "") -> str:
    """A list of arguments. known: the registers of those that are called otherwise. how: of pointers."""
    known = known or {}
    return ", ".join(
        f"{kind} {how if kind == 'ptr' else ''}{known.get(name, name)}" for kind, name in arguments
    )
