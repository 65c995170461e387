"""The numbers of a run in an update rule: its hyperparameters, the rate, the number of the step.

A rule mixes them, as in η √(1 − β₂ᵗ) / (1 − β₁ᵗ), with arrays as long as θ. They are worked out in
double precision, as plain Python floats would be, and rounded where they meet such an array.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import jax

from harness import float_fields, with_fields

__all__ = ["Column", "with_numbers"]


class Column:
    """A number of each run: (R, 1, …, 1) float64."""

    __array_ufunc__ = None  # so that NumPy's numbers on the left leave the operation to the column

    def __init__(self, value: jax.Array) -> None:
        self._value = value

    def rounded(self, dtype: Any) -> jax.Array:
        """The number in this precision, as it meets an array."""
        return self._value.astype(dtype)

    def __bool__(self) -> bool:
        raise TypeError("a rule must not branch on the value of a hyperparameter, of lr or of t")


def _operate(function: Callable[..., Any], *arguments: Any) -> Any:
    for argument in arguments:
        if isinstance(argument, jax.Array):
            dtype = argument.dtype
            return function(*(a.rounded(dtype) if isinstance(a, Column) else a for a in arguments))
    return Column(function(*(a._value if isinstance(a, Column) else a for a in arguments)))


# Operators that may have a number on the left
ARITHMETIC = ("add", "sub", "mul", "truediv", "mod", "pow")


def _add_operators() -> None:
    for name in (*ARITHMETIC, "lt", "le", "gt", "ge", "neg", "abs"):
        function = getattr(operator, name)
        setattr(Column, f"__{name}__", lambda *a, f=function: _operate(f, *a))
    for name in ARITHMETIC:
        function = getattr(operator, name)
        setattr(Column, f"__r{name}__", lambda a, b, f=function: _operate(f, b, a))


_add_operators()


def with_numbers(rule: Any, numbers: Mapping[str, Any]) -> Any:
    """The rule with these values in its float fields."""
    return with_fields(rule, **{name: numbers[name] for name in float_fields(rule)})
