"""The plan of an update rule as one loop over its elements, in LLVM's assembly language.

All intermediate values are registers: θ, the gradient and the state are read once and written once.

The numbers are those of the plan bit for bit. IEEE 754 defines the results of + − × ÷ √ and of
comparisons, LLVM keeps to it unless told otherwise, and nothing here allows it to contract, reorder or
approximate.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from typing import Any

import numpy as np

from harness.inplace.plan import Plan, Reference
from harness.inplace.tracing import maximum, minimum, select

__all__ = ["NAME", "NotExact", "assembly", "columns_of", "leaves_of"]

NAME = "update"  # of the function


class NotExact(Exception):
    """A plan has an operation that IEEE 754 does not define to the last bit, such as exp."""


def leaves_of(plan: Plan) -> list[str]:
    """The leaves that a plan reads or writes, in the order of the function's arguments."""
    places = [place for i in plan.instructions for place in (*i.arguments, i.out)]
    return sorted({place.key for place in places if place.kind == "leaf"})


def columns_of(plan: Plan) -> list[int]:
    """The columns that a plan reads, in the order of the function's arguments, after the leaves."""
    return sorted(plan.used_columns)


def assembly(plan: Plan, dtype: np.dtype) -> str:
    """The function: it takes leaves (R, P), columns (R, 1), R and P, at least 1. Raises NotExact."""
    body = _Body("float" if dtype == np.float32 else "double")
    leaves, columns = leaves_of(plan), columns_of(plan)
    written = sorted({i.out.key for i in plan.instructions if i.out.kind == "leaf"})

    values: dict[Reference, _Value] = {}
    for number in columns:
        values[Reference("column", number)] = _Value(f"%column{number}", body.real)
    for name in leaves:
        values[Reference("leaf", name)] = body.let(body.real, f"load {body.real}, ptr %{name}.i")
    for instruction in plan.instructions:
        arguments = [values[argument] for argument in instruction.arguments]
        result = body.operate(instruction.operation, arguments)
        out = instruction.out
        stays = out.kind == "buffer" and plan.buffers[out.key] is bool
        values[out] = result if stays else body.number(result)
    for name in written:
        body.lines.append(
            f"store {body.real} {values[Reference('leaf', name)].name}, ptr %{name}.i"
        )

    pointers = [f"ptr noalias %{name}" for name in [*leaves, *(f"c{n}" for n in columns)]]
    of_row = [
        line
        for n in columns
        for line in (
            f"%c{n}.r = getelementptr {body.real}, ptr %c{n}, i64 %row",
            f"%column{n} = load {body.real}, ptr %c{n}.r",
        )
    ]
    of_element = [f"%{n}.i = getelementptr {body.real}, ptr %{n}, i64 %place" for n in leaves]
    return "\n".join(
        [
            *(f"declare {body.real} @{name}({body.real})" for name in (body.sqrt, body.fabs)),
            f"define void @{NAME}({', '.join(pointers)}, i64 %rows, i64 %size) {{",
            "start:",
            "br label %rows.head",
            "rows.head:",
            "%row = phi i64 [0, %start], [%row.next, %rows.tail]",
            "%first = mul nsw i64 %row, %size",
            *of_row,
            "br label %elements",
            "elements:",
            "%element = phi i64 [0, %rows.head], [%element.next, %elements]",
            "%place = add nsw i64 %first, %element",
            *of_element,
            *body.lines,
            "%element.next = add nsw i64 %element, 1",
            "%more = icmp slt i64 %element.next, %size",
            "br i1 %more, label %elements, label %rows.tail",
            "rows.tail:",
            "%row.next = add nsw i64 %row, 1",
            "%another = icmp slt i64 %row.next, %rows",
            "br i1 %another, label %rows.head, label %end",
            "end:",
            "ret void",
            "}",
        ]
    )


class _Value:
    """A register and its type: that of θ, or i1 for the outcome of a comparison."""

    def __init__(self, name: str, type_: str) -> None:
        self.name = name
        self.type = type_


class _Body:
    """The instructions for one element. real: the type of θ."""

    def __init__(self, real: str) -> None:
        self.real = real
        self.lines: list[str] = []
        suffix = "f32" if real == "float" else "f64"
        self.sqrt, self.fabs = f"llvm.sqrt.{suffix}", f"llvm.fabs.{suffix}"

    def let(self, type_: str, expression: str) -> _Value:
        """A new register with the value of an expression."""
        value = _Value(f"%v{len(self.lines)}", type_)
        self.lines.append(f"{value.name} = {expression}")
        return value

    def number(self, value: _Value) -> _Value:
        """A truth value as 1 or 0, as NumPy takes it where it meets a number."""
        if value.type == self.real:
            return value
        return self.let(self.real, f"uitofp i1 {value.name} to {self.real}")

    def operate(self, operation: Callable[..., Any], arguments: list[_Value]) -> _Value:
        """The result of an operation of the plan."""
        truths = [argument.type == "i1" for argument in arguments]
        if operation is select and truths[0]:
            condition, a, b = arguments
            return self.choose(condition, self.number(a), self.number(b))
        if operation not in _OPERATIONS or all(truths):  # logic of truth values alone
            raise NotExact(getattr(operation, "__name__", str(operation)))
        return _OPERATIONS[operation](self, *map(self.number, arguments))

    # --- operations -------------------------------------------------------------------------------

    def binary(self, instruction: str, a: _Value, b: _Value) -> _Value:
        return self.let(self.real, f"{instruction} {self.real} {a.name}, {b.name}")

    def compare(self, condition: str, a: _Value, b: _Value | str) -> _Value:
        other = b if isinstance(b, str) else b.name
        return self.let("i1", f"fcmp {condition} {self.real} {a.name}, {other}")

    def choose(self, condition: _Value, a: _Value | str, b: _Value | str) -> _Value:
        first, second = (v if isinstance(v, str) else v.name for v in (a, b))
        return self.let(
            self.real,
            f"select i1 {condition.name}, {self.real} {first}, {self.real} {second}",
        )

    def call(self, function: str, a: _Value) -> _Value:
        return self.let(self.real, f"call {self.real} @{function}({self.real} {a.name})")

    def extreme(self, condition: str, a: _Value, b: _Value) -> _Value:
        """The first one where it is NaN; the second one where they are equal, zeros of any sign."""
        chosen = self.choose(self.compare(condition, a, b), a, b)
        return self.choose(self.compare("uno", a, a), a, chosen)

    def sign(self, a: _Value) -> _Value:
        """NaN of NaN, and +0 of either zero."""
        value = self.choose(self.compare("oeq", a, "0.0"), "0.0", a)
        value = self.choose(self.compare("olt", a, "0.0"), "-1.0", value)
        return self.choose(self.compare("ogt", a, "0.0"), "1.0", value)


_OPERATIONS: dict[Callable[..., Any], Callable[..., _Value]] = {
    np.add: lambda body, a, b: body.binary("fadd", a, b),
    np.subtract: lambda body, a, b: body.binary("fsub", a, b),
    np.multiply: lambda body, a, b: body.binary("fmul", a, b),
    np.true_divide: lambda body, a, b: body.binary("fdiv", a, b),
    np.square: lambda body, a: body.binary("fmul", a, a),
    np.negative: lambda body, a: body.let(body.real, f"fneg {body.real} {a.name}"),
    np.positive: lambda body, a: a,
    np.absolute: lambda body, a: body.call(body.fabs, a),
    np.sqrt: lambda body, a: body.call(body.sqrt, a),
    np.sign: lambda body, a: body.sign(a),
    np.less: lambda body, a, b: body.compare("olt", a, b),
    np.less_equal: lambda body, a, b: body.compare("ole", a, b),
    np.greater: lambda body, a, b: body.compare("ogt", a, b),
    np.greater_equal: lambda body, a, b: body.compare("oge", a, b),
}
if platform.machine().lower() in ("x86_64", "amd64"):
    # Of zeros that differ in sign NumPy's kernels take the second one here, on ARM the larger one
    _OPERATIONS[maximum] = lambda body, a, b: body.extreme("ogt", a, b)
    _OPERATIONS[minimum] = lambda body, a, b: body.extreme("olt", a, b)
