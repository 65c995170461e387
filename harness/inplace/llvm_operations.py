"""The operations of a plan on one element, in LLVM's assembly language.

Their results are those of NumPy bit for bit. IEEE 754 defines the results of + − × ÷ √ and of
comparisons, LLVM keeps to it unless told otherwise, and nothing here allows it to contract, reorder or
approximate.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from typing import Any

import numpy as np

from harness.inplace.nodes import maximum, minimum, select

__all__ = ["OPERATIONS", "Body", "NotExact", "Value"]


class NotExact(Exception):
    """A plan has an operation that IEEE 754 does not define to the last bit, such as exp."""


class Value:
    """A register and its type: that of θ, or i1 for the result of a comparison."""

    def __init__(self, name: str, type_: str) -> None:
        self.name = name
        self.type = type_


class Body:
    """The instructions for one element.

    Args:
        real: Type of θ, "float" or "double".
    """

    def __init__(self, real: str) -> None:
        self.real = real
        self.lines: list[str] = []
        suffix = "f32" if real == "float" else "f64"
        self.sqrt, self.fabs = f"llvm.sqrt.{suffix}", f"llvm.fabs.{suffix}"

    def let(self, type_: str, expression: str) -> Value:
        """A new register with the value of an expression."""
        value = Value(f"%v{len(self.lines)}", type_)
        self.lines.append(f"{value.name} = {expression}")
        return value

    def number(self, value: Value) -> Value:
        """A truth value as 1 or 0, as in NumPy where it meets a number."""
        if value.type == self.real:
            return value
        return self.let(self.real, f"uitofp i1 {value.name} to {self.real}")

    def operate(self, operation: Callable[..., Any], arguments: list[Value]) -> Value:
        """The result of an operation of the plan."""
        truths = [argument.type == "i1" for argument in arguments]
        if operation is select and truths[0]:
            condition, a, b = arguments
            return self.choose(condition, self.number(a), self.number(b))
        if operation in _LOGIC and all(truths):
            a, b = arguments
            return self.let("i1", f"{_LOGIC[operation]} i1 {a.name}, {b.name}")
        if operation not in OPERATIONS or all(truths):  # arithmetic of truth values alone
            raise NotExact(getattr(operation, "__name__", str(operation)))
        return OPERATIONS[operation](self, *map(self.number, arguments))

    # --- the parts of operations ---------------------------------------------------------------------

    def binary(self, instruction: str, a: Value, b: Value) -> Value:
        """An instruction on two numbers."""
        return self.let(self.real, f"{instruction} {self.real} {a.name}, {b.name}")

    def compare(self, condition: str, a: Value, b: Value | str) -> Value:
        """A truth value, by a condition of `fcmp`."""
        other = b if isinstance(b, str) else b.name
        return self.let("i1", f"fcmp {condition} {self.real} {a.name}, {other}")

    def choose(self, condition: Value, a: Value | str, b: Value | str) -> Value:
        """The first operand where the condition holds, else the second."""
        first, second = (v if isinstance(v, str) else v.name for v in (a, b))
        return self.let(
            self.real,
            f"select i1 {condition.name}, {self.real} {first}, {self.real} {second}",
        )

    def call(self, function: str, a: Value) -> Value:
        """A function of one number."""
        return self.let(self.real, f"call {self.real} @{function}({self.real} {a.name})")

    def extreme(self, condition: str, a: Value, b: Value) -> Value:
        """The larger or smaller; the first if it is NaN, the second if both are equal, as ±0 are."""
        chosen = self.choose(self.compare(condition, a, b), a, b)
        return self.choose(self.compare("uno", a, a), a, chosen)

    def sign(self, a: Value) -> Value:
        """NaN of NaN, and +0 of either zero."""
        value = self.choose(self.compare("oeq", a, "0.0"), "0.0", a)
        value = self.choose(self.compare("olt", a, "0.0"), "-1.0", value)
        return self.choose(self.compare("ogt", a, "0.0"), "1.0", value)


OPERATIONS: dict[Callable[..., Any], Callable[..., Value]] = {
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
    np.equal: lambda body, a, b: body.compare("oeq", a, b),
    np.not_equal: lambda body, a, b: body.compare("une", a, b),
}
if platform.machine().lower() in ("x86_64", "amd64"):
    # Of two zeros with different signs NumPy's kernels take the second here, on ARM the larger one
    OPERATIONS[maximum] = lambda body, a, b: body.extreme("ogt", a, b)
    OPERATIONS[minimum] = lambda body, a, b: body.extreme("olt", a, b)
_LOGIC: dict[Callable[..., Any], str] = {np.bitwise_and: "and", np.bitwise_or: "or"}
