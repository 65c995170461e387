"""The values of an update rule that are one a run: hyperparameters, the rate and what follows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from harness_numpy.plan import Column, Plan

__all__ = ["Columns"]


class Columns:
    """Works out the values that are one a run, in double precision, at every step.

    A power is taken run by run with Python floats: NumPy's own differs in the last bit between one
    value and a vector of them, and a run must not depend on its company.
    """

    def __init__(self, plan: Plan, rule: Any) -> None:
        self._plan = plan
        self._rule = rule
        self._values: list[Any] = [None] * len(plan.columns)
        self._cells: dict[int, np.ndarray] = {}
        depends = [False] * len(plan.columns)
        for number, column in enumerate(plan.columns):
            depends[number] = column.name in ("lr", "t") or any(
                depends[inner] for inner in column.arguments
            )
            if not depends[number]:
                self._values[number] = self._evaluate(column, 0.0, 0)
        self._changing = [n for n, changes in enumerate(depends) if changes]
        self._written = [n for n in plan.used_columns if depends[n]]

    def cells(self, rows: int, dtype: np.dtype) -> dict[int, np.ndarray]:
        """The (rows, 1) arrays that instructions read; `update` writes into them."""
        self._cells = {n: np.empty((rows, 1), dtype) for n in self._plan.used_columns}
        for number, cell in self._cells.items():
            if self._values[number] is not None:
                cell[...] = self._values[number]
        return self._cells

    def update(self, lr: np.ndarray, t: int) -> None:
        """Works out the values of step t. lr: (R, 1)."""
        rate = lr if len(lr) > 1 else float(lr[0, 0])
        for number in self._changing:
            self._values[number] = self._evaluate(self._plan.columns[number], rate, t)
        for number in self._written:
            self._cells[number][...] = self._values[number]

    def _evaluate(self, column: Column, lr: Any, t: int) -> Any:
        if column.constant is not None:
            return column.constant
        if column.operation is None:
            return (
                {"lr": lr, "t": t}[column.name]
                if column.name in ("lr", "t")
                else getattr(self._rule, column.name)
            )
        arguments = [self._values[inner] for inner in column.arguments]
        if column.operation is np.power:
            return _power(*arguments)
        return _SCALAR.get(column.operation, column.operation)(*arguments)


def _power(base: Any, exponent: Any) -> Any:
    if isinstance(base, np.ndarray) or isinstance(exponent, np.ndarray):
        bases, exponents = np.broadcast_arrays(base, exponent)
        values = [float(b) ** float(e) for b, e in zip(bases.flat, exponents.flat, strict=True)]
        return np.array(values).reshape(bases.shape)
    return base**exponent


_SCALAR: dict[Any, Callable[..., Any]] = {  # Python's operators: a tenth of NumPy's cost on floats
    np.add: lambda a, b: a + b,
    np.subtract: lambda a, b: a - b,
    np.multiply: lambda a, b: a * b,
    np.true_divide: lambda a, b: a / b,
}
