"""The loops of a walk, in LLVM's assembly language.

The vectors of a walk live in registers: θ, the gradient and the state are read once and written once in
a walk, and what a later one needs of an earlier one is kept in memory in between. What is to be summed
goes to a short strip of memory, and from there to the sum that is NumPy's.
"""

from __future__ import annotations

from harness.inplace import sums
from harness.inplace.operations import Body, Value
from harness.inplace.plan import Reference
from harness.inplace.registers import Registers, given

__all__ = ["STRIP", "functions"]

# Elements that a walk with sums goes through before it sums them up, while they are in the first-level
# cache. Measured from 256 to 8,192 with LARS and LAMB: up to 1,024 makes no difference, more is slower.
STRIP = 512


def functions(own: Registers) -> str:
    """All that `Registers.call` needs."""
    parts = [_elements(own)]
    if own.by_rows:
        parts.append(_rows(own))
    if own.summed:
        parts.append(_summing(own))
    if own.of_rows:
        parts.append(_units(own))
    return "\n".join(parts)


def _elements(own: Registers) -> str:
    """The loop over elements, which writes what is to be summed to strips."""
    real, body = own.real, Body(own.real)
    values: dict[Reference, Value] = dict(own.scalars)
    for place, name in own.of_units.items():
        values[place] = Value(f"{name}.unit", real)
    for place, name in (*own.memory.items(), *own.of_inputs.items()):
        values[place] = body.let(real, f"load {real}, ptr {name}.i")
    for instruction in own.walk.vectors:
        arguments = [values[argument] for argument in instruction.arguments]
        result, out = body.operate(instruction.operation, arguments), instruction.out
        truth = out.store == "buffer" and own.plan.buffers[out.key].dtype is bool
        values[out] = result if truth else body.number(result)
    written = {instruction.out for instruction in own.walk.vectors}
    stored = [(values[place], name) for place, name in own.memory.items() if place in written]
    for strip, instruction in zip(own.strips, own.summed, strict=True):
        stored.append((values[instruction.arguments[0]], strip))
    for instruction in own.of_columns:
        total = body.binary("fadd", values[instruction.out], values[instruction.arguments[0]])
        stored.append((total, own.of_inputs[instruction.out]))
    body.lines += [f"store {real} {value.name}, ptr {name}.i" for value, name in stored]
    arrays = (*own.memory.values(), *own.of_inputs.values())
    at = [(name, "%element") for name in arrays] + [(name, "%done") for name in own.strips]
    return "\n".join(
        [
            f"define internal void @elements{own.number}"
            f"({given(own.one_row, how='noalias ')}, i64 %begin, i64 %count) {{",
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


def _row(own: Registers) -> tuple[list[str], dict[str, str]]:
    """The lines that find what belongs to row %row, which starts at %first; and their registers."""
    real = own.real
    lines = [
        "%first = mul nsw i64 %row, %inputs",
        "%shift = sub nsw i64 0, %first",  # so that inputs are where the elements of the row are
    ]
    for name in own.of_inputs.values():
        lines.append(f"{name}.row = getelementptr {real}, ptr {name}, i64 %shift")
    for name in own.of_units.values():
        lines.append(f"{name}.at = getelementptr {real}, ptr {name}, i64 %row")
        lines.append(f"{name}.unit = load {real}, ptr {name}.at")
    return lines, {name: f"{name}.row" for name in own.of_inputs.values()}


def _rows(own: Registers) -> str:
    """The rows of a part, the first and the last of which may not be whole."""
    lines, known = _row(own)
    for strip in own.strips:
        lines.append(f"{strip}.row = getelementptr {own.real}, ptr {strip}, i64 %past")
        known[strip] = f"{strip}.row"
    return "\n".join(
        [
            f"define internal void @rows{own.number}"
            f"({given(own.all_rows)}, i64 %begin, i64 %count) {{",
            "start:",
            "%end = add nsw i64 %begin, %count",
            "%row.first = udiv i64 %begin, %inputs",
            "br label %rows",
            "rows:",
            "%row = phi i64 [%row.first, %start], [%row.next, %rows]",
            "%from = phi i64 [%begin, %start], [%to, %rows]",
            "%past = sub nsw i64 %from, %begin",
            *lines,
            "%last = add nsw i64 %first, %inputs",
            "%more = icmp slt i64 %last, %end",
            "%to = select i1 %more, i64 %last, i64 %end",
            "%length = sub nsw i64 %to, %from",
            f"call void @elements{own.number}({given(own.one_row, known)}, i64 %from, i64 %length)",
            "%row.next = add nuw nsw i64 %row, 1",
            "br i1 %more, label %rows, label %done",
            "done:",
            "ret void",
            "}",
        ]
    )


def _units(own: Registers) -> str:
    """The sums of all rows."""
    real, n = own.real, own.number
    lines, known = _row(own)
    lines.append(
        f"%sums = call {own.sums} @sums{n}({given(own.one_row, known)}, i64 %first, i64 %inputs)"
    )
    for i, name in enumerate(own.sums_of_units):
        lines += [
            f"%part{i} = extractvalue {own.sums} %sums, {i}",
            f"%sum{i} = fadd {real} %part{i}, 0.0",  # NumPy adds the sum to a zero
            f"%place{i} = getelementptr {real}, ptr {name}, i64 %row",
            f"store {real} %sum{i}, ptr %place{i}",
        ]
    outs = [("ptr", name) for name in own.sums_of_units]
    return "\n".join(
        [
            f"define internal void @units{n}({given([*own.all_rows, *outs])}, i64 %units) {{",
            "start:",
            "br label %rows",
            "rows:",
            "%row = phi i64 [0, %start], [%row.next, %rows]",
            *lines,
            "%row.next = add nuw nsw i64 %row, 1",
            "%more = icmp slt i64 %row.next, %units",
            "br i1 %more, label %rows, label %end",
            "end:",
            "ret void",
            "}",
        ]
    )


def _summing(own: Registers) -> str:
    """The sums over a part, of its two halves unless it is short."""
    real, n = own.real, own.number
    inner, arguments = own.inner()
    part = given(arguments)
    lines = [
        f"define internal {own.sums} @sums{n}({part}, i64 %begin, i64 %count) {{",
        f"%short = icmp sle i64 %count, {STRIP}",
        "br i1 %short, label %strip, label %long",
        "strip:",
        f"call void @{inner}({part}, i64 %begin, i64 %count)",
    ]
    found = "poison"
    for i, strip in enumerate(own.strips):
        lines += [
            f"%sum{i} = call {real} @{sums.NAME}(ptr {strip}, i64 %count)",
            f"%short{i} = insertvalue {own.sums} {found}, {real} %sum{i}, {i}",
        ]
        found = f"%short{i}"
    lines += [
        f"ret {own.sums} {found}",
        "long:",
        *sums.halves("%count"),
        "%middle = add i64 %begin, %left",
        f"%first = call {own.sums} @sums{n}({part}, i64 %begin, i64 %left)",
        f"%second = call {own.sums} @sums{n}({part}, i64 %middle, i64 %right)",
    ]
    found = "poison"
    for i in range(len(own.strips)):
        lines += [
            f"%first{i} = extractvalue {own.sums} %first, {i}",
            f"%second{i} = extractvalue {own.sums} %second, {i}",
            f"%both{i} = fadd {real} %first{i}, %second{i}",
            f"%long{i} = insertvalue {own.sums} {found}, {real} %both{i}, {i}",
        ]
        found = f"%long{i}"
    return "\n".join([*lines, f"ret {own.sums} {found}", "}"])
