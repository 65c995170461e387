"""The plan of an update rule as a function in LLVM's assembly language.

It goes through the runs, and for each through the walks of the plan; see `registers.py` and `loop.py`.
The numbers are those of the plan bit for bit, see `operations.py` and `sums.py`.
"""

from __future__ import annotations

import numpy as np

from harness.inplace import sums
from harness.inplace.loop import STRIP, functions
from harness.inplace.operations import Body, NotExact, Value
from harness.inplace.plan import Plan, Reference
from harness.inplace.registers import Registers, kept_of, leaves_of

__all__ = ["NAME", "assembly", "has_sums"]

NAME = "update"  # of the function


def has_sums(plan: Plan) -> bool:
    """Whether a sum is part of the code."""
    return any(walk.reductions for walk in plan.walks)


def assembly(plan: Plan, dtype: np.dtype) -> str:
    """The function `update`. Raises NotExact.

    Its only argument is a table of 64-bit numbers: the addresses of the leaves, how many elements their
    rows are apart, the addresses of the columns, (R, 1), and of the kept buffers, one run long; R, the
    length of a run, and of a matrix the numbers of its rows and columns; all at least 1.
    """
    real = "float" if dtype == np.float32 else "double"
    if any(plan.buffers[number].dtype for number in kept_of(plan)):
        raise NotExact("a truth value that is kept")
    walks = [Registers(plan, number, real) for number in range(len(plan.walks))]
    body = Body(real)
    return "\n".join(
        [
            *(f"declare {real} @{name}({real})" for name in (body.sqrt, body.fabs)),
            "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)",
            sums.pairwise(real) if has_sums(plan) else "",
            *map(functions, walks),
            _update(plan, walks, body),
        ]
    )


def _update(plan: Plan, walks: list[Registers], body: Body) -> str:
    """The function that goes through the runs, and through the walks of each."""
    real, leaves, columns = body.real, range(len(leaves_of(plan))), range(len(plan.columns))
    table = [
        *((f"%leaf{n}.0", "ptr") for n in leaves),
        *((f"%leaf{n}.apart", "i64") for n in leaves),
        *((f"%c{n}", "ptr") for n in columns),
        *((f"%kept{n}", "ptr") for n in kept_of(plan)),
        ("%rows", "i64"),
        ("%size", "i64"),
        ("%units", "i64"),
        ("%inputs", "i64"),
    ]
    strips = {strip for walk in walks for strip in walk.strips}
    values = {Reference("column", n): Value(f"%column{n}", real) for n in columns}
    for walk in walks:
        for instruction in walk.walk.values:
            arguments = [values[argument] for argument in instruction.arguments]
            result = body.operate(instruction.operation, arguments)
            truth = plan.values[instruction.out.key] is bool
            values[instruction.out] = result if truth else body.number(result)
        body.lines += walk.call(values)
        for number, instruction in enumerate(walk.totals):
            # NumPy adds the sum to a zero
            part = body.let(real, f"extractvalue {walk.sums} %sums{walk.number}, {number}")
            values[instruction.out] = body.let(real, f"fadd {real} {part.name}, 0.0")
    return "\n".join(
        [
            f"define void @{NAME}(ptr %table) {{",
            "start:",
            *(f"{strip} = alloca [{STRIP} x {real}], align 64" for strip in sorted(strips)),
            *(
                line
                for place, (name, kind) in enumerate(table)
                for line in (
                    f"%entry{place} = getelementptr i64, ptr %table, i64 {place}",
                    f"{name} = load {kind}, ptr %entry{place}",
                )
            ),
            f"%inputs.bytes = mul nuw nsw i64 %inputs, {4 if real == 'float' else 8}",
            "br label %run",
            "run:",
            "%row = phi i64 [0, %start], [%row.next, %run]",
            *(
                line
                for n in leaves
                for line in (
                    f"%leaf{n}.first = mul nsw i64 %row, %leaf{n}.apart",
                    f"%leaf{n} = getelementptr {real}, ptr %leaf{n}.0, i64 %leaf{n}.first",
                )
            ),
            *(
                line
                for n in columns
                for line in (
                    f"%c{n}.r = getelementptr {real}, ptr %c{n}, i64 %row",
                    f"%column{n} = load {real}, ptr %c{n}.r",
                )
            ),
            *body.lines,
            "%row.next = add nsw i64 %row, 1",
            "%another = icmp slt i64 %row.next, %rows",
            "br i1 %another, label %run, label %end",
            "end:",
            "ret void",
            "}",
        ]
    )
