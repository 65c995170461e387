"""A stage of a plan as one loop over the elements of a run, in LLVM's assembly language.

All intermediate values are registers: θ, the gradient and the state are read once and written once in a
stage, and what a later stage needs of an earlier one is kept in memory in between. What is to be summed
goes to a short strip of memory, and from there to the sum that is NumPy's.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from harness.inplace import sums
from harness.inplace.operations import Body, NotExact, Value
from harness.inplace.plan import Instruction, Plan, Reference

__all__ = ["STRIP", "Loop", "kept_of", "leaves_of"]

# Elements that a stage with sums goes through before it sums them up, while they are in the first-level
# cache. Measured from 256 to 8,192 with LARS and LAMB: up to 1,024 makes no difference, more is slower.
STRIP = 512


def leaves_of(plan: Plan) -> list[str]:
    """The leaves that a plan reads or writes, in order."""
    return sorted({place.key for place in _places(plan.instructions) if place.kind == "leaf"})


def kept_of(plan: Plan) -> list[int]:
    """The buffers that vectors are kept in from one stage to a later one, in order."""
    kept: set[int] = set()
    for stage in plan.stages:
        made: set[Reference] = set()
        for instruction in (*stage.vectors, *stage.reductions):
            read = {place for place in instruction.arguments if place.kind == "buffer"}
            kept |= {place.key for place in read - made}
            made.add(instruction.out)
    return sorted(kept)


def _places(instructions: Iterable[Instruction]) -> list[Reference]:
    return [place for i in instructions for place in (*i.arguments, i.out)]


class Loop:
    """One stage as a function of a part of a run: where it starts, and how long it is."""

    def __init__(self, plan: Plan, number: int, real: str) -> None:
        self.number = number
        self.stage = plan.stages[number]
        self.sums = f"[{len(self.stage.reductions)} x {real}]"
        self._plan = plan
        self._real = real
        leaves, kept = leaves_of(plan), kept_of(plan)
        places = _places((*self.stage.vectors, *self.stage.reductions))
        self._memory = {
            place: f"%leaf{leaves.index(place.key)}"
            if place.kind == "leaf"
            else f"%kept{place.key}"
            for place in places
            if place.kind == "leaf" or (place.kind == "buffer" and place.key in kept)
        }
        read = {place for i in self.stage.vectors for place in i.arguments}
        self._scalars = {
            place: Value(
                f"%{place.kind}{place.key}",
                "i1" if place.kind == "value" and plan.values[place.key] is bool else real,
            )
            for place in sorted(read, key=str)
            if place.kind in ("column", "value")
        }
        self._strips = [f"%strip{number}" for number in range(len(self.stage.reductions))]

    def _arguments(self, scalars: Iterable[Value], how: str = "") -> str:
        return ", ".join(
            [
                *(f"ptr {how}{name}" for name in (*self._memory.values(), *self._strips)),
                *(f"{value.type} {value.name}" for value in scalars),
            ]
        )

    def call(self, values: dict[Reference, Value]) -> list[str]:
        """The lines that go through a run. values: what its scalars are."""
        arguments = self._arguments(values[place] for place in self._scalars)
        if self.stage.reductions:
            return [
                f"%sums{self.number} = call {self.sums} @sums{self.number}"
                f"({arguments}, i64 0, i64 %size)"
            ]
        return [f"call void @stage{self.number}({arguments}, i64 0, i64 %size)"]

    def function(self) -> str:
        """The loop itself, which writes what is to be summed to strips."""
        real, body = self._real, Body(self._real)
        values = dict(self._scalars)
        for place, name in self._memory.items():
            values[place] = body.let(real, f"load {real}, ptr {name}.i")
        for instruction in self.stage.vectors:
            arguments = [values[argument] for argument in instruction.arguments]
            result, out = body.operate(instruction.operation, arguments), instruction.out
            truth = out.kind == "buffer" and self._plan.buffers[out.key].dtype is bool
            values[out] = result if truth else body.number(result)
        written = {instruction.out for instruction in self.stage.vectors}
        stored = [(values[place], name) for place, name in self._memory.items() if place in written]
        for strip, instruction in zip(self._strips, self.stage.reductions, strict=True):
            if instruction.operation != np.add.reduce:
                raise NotExact("the largest of a vector")
            stored.append((values[instruction.arguments[0]], strip))
        body.lines += [f"store {real} {value.name}, ptr {name}.i" for value, name in stored]
        scalars = self._arguments(self._scalars.values(), "noalias ")
        at = [(name, "%element") for name in self._memory.values()]
        at += [(name, "%done") for name in self._strips]
        return "\n".join(
            [
                f"define internal void @stage{self.number}({scalars}, i64 %begin, i64 %count) {{",
                "start:",
                "br label %elements",
                "elements:",
                "%done = phi i64 [0, %start], [%done.next, %elements]",
                "%element = add nsw i64 %begin, %done",
                *(f"{name}.i = getelementptr {real}, ptr {name}, i64 {i}" for name, i in at),
                *body.lines,
                "%done.next = add nuw nsw i64 %done, 1",
                "%more = icmp slt i64 %done.next, %count",
                "br i1 %more, label %elements, label %end",
                "end:",
                "ret void",
                "}",
            ]
        )

    def summing(self) -> str:
        """The sums over a part, of its two halves unless it is short."""
        real, n = self._real, self.number
        arguments = self._arguments(self._scalars.values())
        lines = [
            f"define internal {self.sums} @sums{n}"
            f"({self._arguments(self._scalars.values(), 'noalias ')}, i64 %begin, i64 %count) {{",
            f"%short = icmp sle i64 %count, {STRIP}",
            "br i1 %short, label %strip, label %long",
            "strip:",
            f"call void @stage{n}({arguments}, i64 %begin, i64 %count)",
        ]
        found = "poison"
        for i, strip in enumerate(self._strips):
            lines += [
                f"%sum{i} = call {real} @{sums.NAME}(ptr {strip}, i64 %count)",
                f"%short{i} = insertvalue {self.sums} {found}, {real} %sum{i}, {i}",
            ]
            found = f"%short{i}"
        lines += [
            f"ret {self.sums} {found}",
            "long:",
            *sums.halves("%count"),
            "%middle = add i64 %begin, %left",
            f"%first = call {self.sums} @sums{n}({arguments}, i64 %begin, i64 %left)",
            f"%second = call {self.sums} @sums{n}({arguments}, i64 %middle, i64 %right)",
        ]
        found = "poison"
        for i in range(len(self._strips)):
            lines += [
                f"%first{i} = extractvalue {self.sums} %first, {i}",
                f"%second{i} = extractvalue {self.sums} %second, {i}",
                f"%both{i} = fadd {real} %first{i}, %second{i}",
                f"%long{i} = insertvalue {self.sums} {found}, {real} %both{i}, {i}",
            ]
            found = f"%long{i}"
        return "\n".join([*lines, f"ret {self.sums} {found}", "}"])
