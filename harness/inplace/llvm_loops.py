"""The loops of a traversal, in LLVM's assembly language.

The vectors of a traversal live in registers: it reads θ, the gradient and the state once and writes them
once. What a later traversal needs of an earlier one is in memory in between. The terms of a sum go to a
short strip of memory, and from there to NumPy's sum.
"""

from __future__ import annotations

from harness.inplace import llvm_sums
from harness.inplace.llvm_operations import Body, Value
from harness.inplace.llvm_registers import Registers, argument_list
from harness.inplace.plan import Operand

__all__ = ["STRIP", "functions"]

# Elements that a traversal with sums goes through before it sums them up, while they are in the
# first-level cache. Measured from 256 to 8,192 with LARS and LAMB: up to 1,024 makes no difference,
# more is slower.
STRIP = 512


def functions(registers: Registers) -> str:
    """The functions that `Registers.call` needs."""
    parts = [_elements(registers)]
    if registers.by_rows:
        parts.append(_rows(registers))
    if registers.summed:
        parts.append(_summing(registers))
    if registers.of_rows:
        parts.append(_units(registers))
    return "\n".join(parts)


def _elements(registers: Registers) -> str:
    """The loop over elements, which writes the terms of sums to strips."""
    real, body = registers.real, Body(registers.real)
    values: dict[Operand, Value] = dict(registers.scalars)
    for operand, name in registers.of_units.items():
        values[operand] = Value(f"{name}.unit", real)
    for operand, name in (*registers.memory.items(), *registers.of_inputs.items()):
        values[operand] = body.let(real, f"load {real}, ptr {name}.i")
    for instruction in registers.traversal.vectors:
        arguments = [values[argument] for argument in instruction.arguments]
        result, out = body.operate(instruction.operation, arguments), instruction.out
        truth = out.store == "buffer" and registers.plan.buffers[out.key].dtype is bool
        values[out] = result if truth else body.number(result)
    written = {instruction.out for instruction in registers.traversal.vectors}
    stored = [
        (values[operand], name) for operand, name in registers.memory.items() if operand in written
    ]
    for strip, instruction in zip(registers.strips, registers.summed, strict=True):
        stored.append((values[instruction.arguments[0]], strip))
    for instruction in registers.of_columns:
        total = body.binary("fadd", values[instruction.out], values[instruction.arguments[0]])
        stored.append((total, registers.of_inputs[instruction.out]))
    body.lines += [f"store {real} {value.name}, ptr {name}.i" for value, name in stored]
    arrays = (*registers.memory.values(), *registers.of_inputs.values())
    indices = [(name, "%element") for name in arrays] + [
        (name, "%done") for name in registers.strips
    ]
    return "\n".join(
        [
            f"define internal void @elements{registers.number}"
            f"({argument_list(registers.one_row, attribute='noalias ')}, i64 %begin, i64 %count) {{",
            "start:",
            "br label %elements",
            "elements:",
            "%done = phi i64 [0, %start], [%done.next, %elements]",
            "%element = add nsw i64 %begin, %done",
            *(f"{name}.i = getelementptr {real}, ptr {name}, i64 {i}" for name, i in indices),
            *body.lines,
            "%done.next = add nuw nsw i64 %done, 1",
            "%more = icmp slt i64 %done.next, %count",
            "br i1 %more, label %elements, label %end",
            "end:",
            "ret void",
            "}",
        ]
    )


def _row_addresses(registers: Registers) -> tuple[list[str], dict[str, str]]:
    """The lines that find the addresses of row %row, which starts at %first; and their registers."""
    real = registers.real
    lines = [
        "%first = mul nsw i64 %row, %inputs",
        "%shift = sub nsw i64 0, %first",  # so that inputs have the indices of the row's elements
    ]
    for name in registers.of_inputs.values():
        lines.append(f"{name}.row = getelementptr {real}, ptr {name}, i64 %shift")
    for name in registers.of_units.values():
        lines.append(f"{name}.at = getelementptr {real}, ptr {name}, i64 %row")
        lines.append(f"{name}.unit = load {real}, ptr {name}.at")
    return lines, {name: f"{name}.row" for name in registers.of_inputs.values()}


def _rows(registers: Registers) -> str:
    """The loop over the rows of a part; its first and last row may not be whole."""
    lines, renamed = _row_addresses(registers)
    for strip in registers.strips:
        lines.append(f"{strip}.row = getelementptr {registers.real}, ptr {strip}, i64 %past")
        renamed[strip] = f"{strip}.row"
    row = argument_list(registers.one_row, renamed)
    return "\n".join(
        [
            f"define internal void @rows{registers.number}"
            f"({argument_list(registers.all_rows)}, i64 %begin, i64 %count) {{",
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
            f"call void @elements{registers.number}({row}, i64 %from, i64 %length)",
            "%row.next = add nuw nsw i64 %row, 1",
            "br i1 %more, label %rows, label %done",
            "done:",
            "ret void",
            "}",
        ]
    )


def _units(registers: Registers) -> str:
    """The loop over all rows, which sums up each of them."""
    real, n = registers.real, registers.number
    lines, renamed = _row_addresses(registers)
    row = argument_list(registers.one_row, renamed)
    lines.append(f"%sums = call {registers.sums} @sums{n}({row}, i64 %first, i64 %inputs)")
    for i, name in enumerate(registers.sums_of_units):
        lines += [
            f"%part{i} = extractvalue {registers.sums} %sums, {i}",
            f"%sum{i} = fadd {real} %part{i}, 0.0",  # NumPy adds the sum to a zero
            f"%out{i} = getelementptr {real}, ptr {name}, i64 %row",
            f"store {real} %sum{i}, ptr %out{i}",
        ]
    outs = [("ptr", name) for name in registers.sums_of_units]
    parameters = argument_list([*registers.all_rows, *outs])
    return "\n".join(
        [
            f"define internal void @units{n}({parameters}, i64 %units) {{",
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


def _summing(registers: Registers) -> str:
    """The sums over a part: those of its two halves, unless it is short."""
    real, n = registers.real, registers.number
    inner, arguments = registers.inner()
    part = argument_list(arguments)
    lines = [
        f"define internal {registers.sums} @sums{n}({part}, i64 %begin, i64 %count) {{",
        f"%short = icmp sle i64 %count, {STRIP}",
        "br i1 %short, label %strip, label %long",
        "strip:",
        f"call void @{inner}({part}, i64 %begin, i64 %count)",
    ]
    aggregate = "poison"
    for i, strip in enumerate(registers.strips):
        lines += [
            f"%sum{i} = call {real} @{llvm_sums.NAME}(ptr {strip}, i64 %count)",
            f"%short{i} = insertvalue {registers.sums} {aggregate}, {real} %sum{i}, {i}",
        ]
        aggregate = f"%short{i}"
    lines += [
        f"ret {registers.sums} {aggregate}",
        "long:",
        *llvm_sums.halves("%count"),
        "%middle = add i64 %begin, %left",
        f"%first = call {registers.sums} @sums{n}({part}, i64 %begin, i64 %left)",
        f"%second = call {registers.sums} @sums{n}({part}, i64 %middle, i64 %right)",
    ]
    aggregate = "poison"
    for i in range(len(registers.strips)):
        lines += [
            f"%first{i} = extractvalue {registers.sums} %first, {i}",
            f"%second{i} = extractvalue {registers.sums} %second, {i}",
            f"%both{i} = fadd {real} %first{i}, %second{i}",
            f"%long{i} = insertvalue {registers.sums} {aggregate}, {real} %both{i}, {i}",
        ]
        aggregate = f"%long{i}"
    return "\n".join([*lines, f"ret {registers.sums} {aggregate}", "}"])
