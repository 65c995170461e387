"""The plan of an update rule as a function in LLVM's assembly language.

It goes through the runs, and for each through the traversals of the plan; see `llvm_registers.py` and
`llvm_loops.py`. The numbers are those of the plan bit for bit, see `llvm_operations.py` and
`llvm_sums.py`.
"""

from __future__ import annotations

import numpy as np

from harness.inplace import llvm_sums
from harness.inplace.llvm_loops import STRIP, functions
from harness.inplace.llvm_operations import Body, NotExact, Value
from harness.inplace.llvm_registers import Registers, carried_buffers, leaf_names
from harness.inplace.plan import Operand, Plan

__all__ = ["NAME", "assembly", "has_sums"]

NAME = "update"  # of the function


def has_sums(plan: Plan) -> bool:
    """Whether a sum is part of the code."""
    return any(traversal.reductions for traversal in plan.traversals)


def assembly(plan: Plan, dtype: np.dtype) -> str:
    """The function `update`. Raises NotExact.

    Its only argument is a table of 64-bit numbers: the addresses of the leaves, the distances of their
    runs in elements, the addresses of the columns, (R, 1), and of the carried buffers, one run long; R,
    the length of a run, and the numbers of rows and columns of a matrix; all at least 1.
    """
    real = "float" if dtype == np.float32 else "double"
    if any(plan.buffers[number].dtype for number in carried_buffers(plan)):
        raise NotExact("a truth value that is carried")
    all_registers = [Registers(plan, number, real) for number in range(len(plan.traversals))]
    body = Body(real)
    return "\n".join(
        [
            *(f"declare {real} @{name}({real})" for name in (body.sqrt, body.fabs)),
            "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)",
            llvm_sums.pairwise(real) if has_sums(plan) else "",
            *map(functions, all_registers),
            _update(plan, all_registers, body),
        ]
    )


def _update(plan: Plan, all_registers: list[Registers], body: Body) -> str:
    """The function that goes through the runs, and through the traversals of each."""
    real, leaves, columns = body.real, range(len(leaf_names(plan))), range(len(plan.columns))
    table = [
        *((f"%leaf{n}.0", "ptr") for n in leaves),
        *((f"%leaf{n}.apart", "i64") for n in leaves),
        *((f"%c{n}", "ptr") for n in columns),
        *((f"%carried{n}", "ptr") for n in carried_buffers(plan)),
        ("%runs", "i64"),
        ("%size", "i64"),
        ("%units", "i64"),
        ("%inputs", "i64"),
    ]
    strips = {strip for registers in all_registers for strip in registers.strips}
    values = {Operand("column", n): Value(f"%column{n}", real) for n in columns}
    for registers in all_registers:
        for instruction in registers.traversal.values:
            arguments = [values[argument] for argument in instruction.arguments]
            result = body.operate(instruction.operation, arguments)
            truth = plan.values[instruction.out.key] is bool
            values[instruction.out] = result if truth else body.number(result)
        body.lines += registers.call(values)
        for number, instruction in enumerate(registers.totals):
            # NumPy adds the sum to a zero
            sums = f"{registers.sums} %sums{registers.number}"
            part = body.let(real, f"extractvalue {sums}, {number}")
            values[instruction.out] = body.let(real, f"fadd {real} {part.name}, 0.0")
    return "\n".join(
        [
            f"define void @{NAME}(ptr %table) {{",
            "start:",
            *(f"{strip} = alloca [{STRIP} x {real}], align 64" for strip in sorted(strips)),
            *(
                line
                for entry, (name, kind) in enumerate(table)
                for line in (
                    f"%entry{entry} = getelementptr i64, ptr %table, i64 {entry}",
                    f"{name} = load {kind}, ptr %entry{entry}",
                )
            ),
            f"%inputs.bytes = mul nuw nsw i64 %inputs, {4 if real == 'float' else 8}",
            "br label %body",
            "body:",
            "%run = phi i64 [0, %start], [%run.next, %body]",
            *(
                line
                for n in leaves
                for line in (
                    f"%leaf{n}.first = mul nsw i64 %run, %leaf{n}.apart",
                    f"%leaf{n} = getelementptr {real}, ptr %leaf{n}.0, i64 %leaf{n}.first",
                )
            ),
            *(
                line
                for n in columns
                for line in (
                    f"%c{n}.r = getelementptr {real}, ptr %c{n}, i64 %run",
                    f"%column{n} = load {real}, ptr %c{n}.r",
                )
            ),
            *body.lines,
            "%run.next = add nsw i64 %run, 1",
            "%another = icmp slt i64 %run.next, %runs",
            "br i1 %another, label %body, label %end",
            "end:",
            "ret void",
            "}",
        ]
    )
