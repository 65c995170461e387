"""The numbers of each run in an update rule: hyperparameters, the rate, and what follows from them.

A rule mixes numbers of a run, such as η √(1 − β₂ᵗ) / (1 − β₁ᵗ), with tensors as long as θ. The numbers
are worked out in double precision, as plain Python floats would be, and rounded where they meet a
tensor. So the rule is called with a `Column` in place of each number. Operations on columns alone are
remembered; where a column meets a tensor, `materialize` gives its values. This way the values of a whole
epoch are worked out at once, and a compiled or captured step reads them from a buffer: new values, rates
and step numbers need no new compilation.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from harness import Block, float_fields, update, with_fields

if TYPE_CHECKING:
    from harness import Network

__all__ = [
    "Column",
    "Compute",
    "Materialized",
    "evaluate",
    "leaves",
    "record",
    "replay",
    "symbolic",
]

Leaves = Mapping[str, Tensor]  # "lr", "t" and each float field, (S, rows) or (1, rows), float64
Compute = Callable[[Leaves], Tensor]
Materialize = Callable[[Compute], Tensor]


class Column:
    """A number of each run.

    Args:
        compute: Function from the leaves to its values, (S, rows) or (1, rows), float64.
        materialize: Function from `compute` to the (rows,) values that a tensor meets, in its precision.
        ndim: Number of axes of the tensors that it meets.
    """

    def __init__(self, compute: Compute, materialize: Materialize, ndim: int = 2) -> None:
        self._compute = compute
        self._materialize = materialize
        self._ndim = ndim
        self._materialized: Tensor | None = None

    @classmethod
    def __torch_function__(
        cls, function: Any, types: Any, arguments: tuple = (), keywords: Any = None
    ) -> Any:
        return _operate(function, *arguments, **(keywords or {}))

    def __getitem__(self, rows: slice) -> Column:
        return Column(lambda leaves: self._compute(leaves)[:, rows], self._materialize, self._ndim)

    def reshape(self, *shape: int) -> Column:
        """The same numbers for tensors with another number of axes; the runs stay in front."""
        return Column(self._compute, self._materialize, len(shape))

    def tensor(self) -> Tensor:
        """(rows, 1, ..., 1), in the precision of θ."""
        if self._materialized is None:
            self._materialized = self._materialize(self._compute)
        return self._materialized[(..., *[None] * (self._ndim - 1))]

    def __bool__(self) -> bool:
        raise TypeError("a rule must not branch on the value of a hyperparameter, of lr or of t")


def _operate(function: Any, *arguments: Any, **keywords: Any) -> Any:
    columns = [argument for argument in arguments if isinstance(argument, Column)]
    if any(isinstance(argument, Tensor) for argument in arguments):
        tensors = [a.tensor() if isinstance(a, Column) else a for a in arguments]
        return function(*tensors, **keywords)
    first = columns[0]

    def compute(leaves: Leaves) -> Tensor:
        values = [
            a._compute(leaves) if isinstance(a, Column) else torch.tensor(a, dtype=torch.float64)
            for a in arguments
        ]
        return function(*values, **keywords)

    return Column(compute, first._materialize, first._ndim)


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


def symbolic(rule: Any, materialize: Materialize) -> tuple[Any, Column, Column]:
    """The rule with columns for its float fields; and columns for `lr` and `t`."""
    columns = {name: Column(itemgetter(name), materialize) for name in float_fields(rule)}
    return (
        with_fields(rule, **columns),
        Column(itemgetter("lr"), materialize),
        Column(itemgetter("t"), materialize),
    )


def leaves(block: Block, lr: np.ndarray, t: np.ndarray) -> Leaves:
    """The numbers that the columns of a block are worked out from.

    Args:
        block: The block.
        lr: Rates of S steps, (S, R).
        t: Number of the first of these steps, (R, 1).
    """
    numbers = t[block.rows].T + np.arange(len(lr))[:, None]
    leaves = {"t": numbers, "lr": lr[:, block.rows]}
    # the base rate is a field as well, and no step uses it
    for name in float_fields(block.rule):
        if name != "lr":
            leaves[name] = np.reshape(getattr(block.rule, name), (1, -1))
    return {name: torch.tensor(values, dtype=torch.float64) for name, values in leaves.items()}


# --- a rule called ahead of its steps ----------------------------------------------------------------


@dataclass(frozen=True)
class Materialized:
    """A column that meets a tensor.

    Attributes:
        compute: Function from the leaves to its values.
        boolean: Whether its values are truth values.
    """

    compute: Compute
    boolean: bool


def record(rule: Any, network: Network, dtype: torch.dtype) -> list[Materialized]:
    """The columns that meet tensors, in order. Raises, TypeError say, for operations that they lack."""
    rows = 2
    materialized: list[Materialized] = []
    probe = leaves(Block(slice(0, rows), _plain(rule)), *_probe(rows))

    def materialize(compute: Compute) -> Tensor:
        materialized.append(Materialized(compute, compute(probe).dtype is torch.bool))
        kind = torch.bool if materialized[-1].boolean else dtype
        return torch.empty(rows, dtype=kind, device="meta")

    theta = torch.empty((rows, network.size), dtype=dtype, device="meta")
    with_columns, *_ = symbolic(rule, materialize)
    state = update.initial_state(Block(slice(None), with_columns), theta, network)
    materialized.clear()
    with_columns, lr, t = symbolic(rule, materialize)
    block = Block(slice(None), with_columns)
    update.apply(block, theta, torch.empty_like(theta), state, lr, t, network)
    return materialized


def evaluate(materialized: Sequence[Materialized], leaves: Leaves, dtype: torch.dtype) -> Tensor:
    """The values that `replay` reads, (S, C, rows), of C columns at S steps."""
    lr = leaves["lr"]
    if not materialized:
        return lr.new_empty((len(lr), 0, lr.shape[1]), dtype=dtype)
    values = [column.compute(leaves).to(dtype).expand(lr.shape) for column in materialized]
    return torch.stack(values, dim=1)


def replay(materialized: Sequence[Materialized], values: Tensor) -> Materialize:
    """Gives tensors the values of one step, (C, rows), in the order of the record."""
    order: Iterator[tuple[Materialized, Tensor]] = zip(materialized, values, strict=True)

    def materialize(_: Compute) -> Tensor:
        column, value = next(order)
        return value != 0 if column.boolean else value

    return materialize


def _plain(rule: Any) -> Any:
    """The rule with one value for each float field, instead of one for each run."""
    values = {name: float(np.ravel(getattr(rule, name))[0]) for name in float_fields(rule)}
    return with_fields(rule, **values)


def _probe(rows: int) -> tuple[np.ndarray, np.ndarray]:
    return np.full((1, rows), 0.1), np.ones((rows, 1))
