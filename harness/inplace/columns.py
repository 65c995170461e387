"""The numbers of each run in an update rule: hyperparameters, the rate and what follows from them."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from harness.inplace.nodes import select
from harness.inplace.plan import Column

__all__ = ["Columns"]


class Columns:
    """Works out the numbers of each run, in double precision, at every step.

    A stack of one computes with Python floats, which round as NumPy's float64 does. Powers are taken
    run by run: NumPy's own differ in the last bit between one value and a vector of them, and a run
    must not depend on its company.

    Args:
        columns: All columns, in order.
        used: Numbers of the columns that instructions read.
        rule: The rule, which has the fields.
    """

    def __init__(self, columns: Sequence[Column], used: Collection[int], rule: Any) -> None:
        self._values: list[Any] = [None] * len(columns)
        self._step_arguments = {c.name: n for n, c in enumerate(columns) if c.name in ("lr", "t")}
        self._used = used
        self._cells: dict[int, np.ndarray] = {}
        self._steps: list[tuple[int, Callable[..., Any], tuple[int, ...]]] = []
        changing = set(self._step_arguments.values())
        for number, column in enumerate(columns):
            if column.operation is None:
                if number not in changing:
                    self._values[number] = _constant(column, rule)
                continue
            operation = _ON_FLOATS.get(column.operation, column.operation)
            if changing.intersection(column.arguments):
                changing.add(number)
                self._steps.append((number, operation, column.arguments))
            else:
                self._values[number] = operation(*(self._values[n] for n in column.arguments))
        self._changing = [number for number in self._used if number in changing]

    def cells(self, runs: int, dtype: np.dtype) -> dict[int, np.ndarray]:
        """The (R, 1) arrays that instructions read; `update` writes into them."""
        self._cells = {number: np.empty((runs, 1), dtype) for number in self._used}
        for number, cell in self._cells.items():
            if self._values[number] is not None:
                cell[...] = self._values[number]
        return self._cells

    def update(self, lr: np.ndarray, t: np.ndarray) -> None:
        """Works out the numbers of a step.

        Args:
            lr: Learning rate of each run, (R, 1).
            t: Number of the step of each run, (R, 1); runs may be at different steps.
        """
        values = self._values
        if "lr" in self._step_arguments:
            values[self._step_arguments["lr"]] = lr if len(lr) > 1 else lr.item()
        if "t" in self._step_arguments:
            # Runs that began together are at the same step: then each power is taken only once
            first = t.item(0)
            values[self._step_arguments["t"]] = first if len(t) == 1 or (t == first).all() else t
        for number, operation, arguments in self._steps:
            if len(arguments) == 2:  # as nearly always; a list of arguments would double the time
                first, second = arguments
                values[number] = operation(values[first], values[second])
            else:
                values[number] = operation(*(values[n] for n in arguments))
        for number in self._changing:
            self._cells[number][...] = values[number]


def _constant(column: Column, rule: Any) -> Any:
    return column.constant if column.constant is not None else getattr(rule, column.name)


def _or_numpy(on_floats: Callable[..., float], in_numpy: Callable[..., Any]) -> Callable[..., Any]:
    """Python's operation on floats; where it raises, NumPy's infinity or NaN, as in a stack."""

    def operation(*arguments: Any) -> Any:
        try:
            return on_floats(*arguments)
        except (ArithmeticError, ValueError):
            with np.errstate(all="ignore"):
                return float(in_numpy(*arguments))

    return operation


_power_of_floats = _or_numpy(math.pow, np.power)
_sqrt_of_float = _or_numpy(math.sqrt, np.sqrt)


def _power(base: Any, exponent: Any) -> Any:
    if isinstance(base, np.ndarray) or isinstance(exponent, np.ndarray):
        bases, exponents = np.broadcast_arrays(base, exponent)
        values = [_power_of_floats(b, e) for b, e in zip(bases.flat, exponents.flat, strict=True)]
        return np.array(values).reshape(bases.shape)
    return _power_of_floats(base, exponent)


def _sqrt(value: Any) -> Any:
    return np.sqrt(value) if isinstance(value, np.ndarray) else _sqrt_of_float(value)


_ON_FLOATS: dict[Any, Callable[..., Any]] = {  # a tenth of the cost of NumPy's functions on floats
    np.add: operator.add,
    np.subtract: operator.sub,
    np.multiply: operator.mul,
    np.true_divide: _or_numpy(operator.truediv, np.true_divide),
    np.remainder: _or_numpy(operator.mod, np.remainder),
    np.power: _power,
    np.sqrt: _sqrt,
    np.absolute: abs,
    np.less: operator.lt,
    np.less_equal: operator.le,
    np.greater: operator.gt,
    np.greater_equal: operator.ge,
    np.equal: operator.eq,
    np.not_equal: operator.ne,
    select: np.where,  # `select` needs an output array; `np.where` does not
}
