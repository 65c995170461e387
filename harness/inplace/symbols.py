"""Symbols in place of arrays: an update rule is called with them to find out what it computes.

A symbol is a node in the shape in which the rule holds it; it records the operations on it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from math import prod
from operator import or_
from typing import Any

import numpy as np

from harness.inplace.nodes import REDUCTIONS, Kind, Node, maximum, minimum, select

__all__ = ["RUNS", "Symbol", "Untraceable", "broadcast_shape"]

# The length of the axis of the runs, on which nothing may depend: `reshape` accepts it, and it is no
# number. So a rule has the same record in every stack.
RUNS: Any = object()

Shape = tuple[Any, ...]


class Untraceable(Exception):
    """A rule does something that symbols do not support, such as a product of matrices."""


def broadcast_shape(kind: Kind, whole: Shape) -> Shape:
    """The shape in which numbers of a kind meet vectors of shape `whole`, the runs left out."""
    if kind is Kind.VECTOR:
        return whole
    units, inputs = whole
    return (units if kind.covers(Kind.UNITS) else 1, inputs if kind.covers(Kind.INPUTS) else 1)


class Symbol:
    """A node, and the shape in which a rule has it.

    Args:
        node: What it stands for.
        shape: Its shape; () for a column, which fits any shape.
        whole: Shape of the parameter that the rule sees, without the axis of the runs; () for a
            column.
    """

    __array_ufunc__ = None  # so that NumPy scalars on the left leave the operation to the symbol

    def __init__(self, node: Node, shape: Shape, whole: Shape = ()) -> None:
        self.node = node
        self.shape = shape
        self.whole = whole

    @property
    def has_matrix_axes(self) -> bool:
        """Whether its axes are those of a weight matrix, in their order."""
        return len(self.whole) == 2 and self.shape[1:] == broadcast_shape(
            self.node.kind, self.whole
        )

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def __array_namespace__(self) -> _Namespace:
        return _NAMESPACE

    def __bool__(self) -> bool:
        raise Untraceable("a rule must not branch on the value of an array or hyperparameter")

    def __len__(self) -> int:
        raise Untraceable("a symbol has no length")

    __hash__ = None  # type: ignore[assignment]  # symbols cannot be hashed, since `==` is an operation

    def __neg__(self) -> Symbol:
        return _operate(np.negative, self)

    def __abs__(self) -> Symbol:
        return _operate(np.absolute, self)


def _operate(operation: Callable[..., Any], *arguments: Any, dtype: type | None = None) -> Symbol:
    for argument in arguments:
        if not isinstance(argument, Symbol | int | float):
            raise Untraceable(f"cannot trace a {type(argument).__name__}")
    if dtype is None and all(map(_is_truth, arguments)):
        raise Untraceable("NumPy has arithmetic of its own for truth values")
    symbols = [argument for argument in arguments if isinstance(argument, Symbol)]
    kind = reduce(or_, (symbol.node.kind for symbol in symbols))
    shapes = {symbol.shape for symbol in symbols if symbol.shape}
    if len({len(shape) for shape in shapes}) > 1:
        raise Untraceable("arrays differ in how many axes they have")
    tail = np.broadcast_shapes(*(shape[1:] for shape in shapes))
    shape = (RUNS, *tail) if shapes else ()
    for symbol in symbols:
        if symbol.node.kind is kind:
            fits = symbol.shape in ((), shape)
        else:  # numbers of a run fit all; the lengths of other axes may be equal by chance
            fits = symbol.node.kind in (Kind.COLUMN, Kind.VALUE) or symbol.has_matrix_axes
        if not fits:
            raise Untraceable("shapes that differ were combined to a third one")
    nodes = tuple(a.node if isinstance(a, Symbol) else a for a in arguments)
    whole = max((symbol.whole for symbol in symbols), key=len)
    return Symbol(Node(kind, operation, nodes, dtype=dtype), shape, whole)


def _add_operators() -> None:
    """Gives Symbol its binary operators: each records the NumPy function of the same meaning."""
    arithmetic: dict[str, Callable[..., Any]] = {
        "add": np.add,
        "sub": np.subtract,
        "mul": np.multiply,
        "truediv": np.true_divide,
        "mod": np.remainder,
        "pow": np.power,
    }
    for name, operation in arithmetic.items():
        setattr(Symbol, f"__{name}__", lambda a, b, f=operation: _arithmetic(f, a, b))
        setattr(Symbol, f"__r{name}__", lambda a, b, f=operation: _operate(f, b, a))
    comparisons: dict[str, Callable[..., Any]] = {
        "lt": np.less,
        "le": np.less_equal,
        "gt": np.greater,
        "ge": np.greater_equal,
        "eq": np.equal,
        "ne": np.not_equal,
    }
    for name, operation in comparisons.items():
        setattr(Symbol, f"__{name}__", lambda a, b, f=operation: _operate(f, a, b, dtype=bool))
    for name, operation in {"and": np.bitwise_and, "or": np.bitwise_or}.items():
        setattr(Symbol, f"__{name}__", lambda a, b, f=operation: _connect(f, a, b))


def _is_truth(argument: Any) -> bool:
    """Whether it is a truth value, or a symbol of truth values."""
    dtype = argument.node.dtype if isinstance(argument, Symbol) else type(argument)
    return dtype is bool


def _condition(argument: Any, operands: Sequence[Any]) -> Symbol:
    """The argument, which must be truth values, in the form in which the other operands meet it.

    A column becomes a float where it meets another kind, so there it is compared once more.
    """
    if not (isinstance(argument, Symbol) and _is_truth(argument)):
        raise Untraceable("a number stands for a truth value")
    kinds = [operand.node.kind for operand in operands if isinstance(operand, Symbol)]
    if argument.node.kind is Kind.COLUMN and any(kind is not Kind.COLUMN for kind in kinds):
        return Symbol(Node(Kind.VALUE, np.greater, (argument.node, 0.0), dtype=bool), ())
    return argument


def _connect(operation: Callable[..., Any], a: Any, b: Any) -> Symbol:
    return _operate(operation, _condition(a, [b]), _condition(b, [a]), dtype=bool)


def _arithmetic(operation: Callable[..., Any], a: Symbol, b: Any) -> Symbol:
    if operation is np.multiply and _is_truth(a) and _is_truth(b):
        return _connect(np.bitwise_and, a, b)
    if operation is np.power and a.node.kind is not Kind.COLUMN and isinstance(b, int | float):
        same = {2: np.square, 0.5: np.sqrt, 1: np.positive}.get(b)  # as `array ** 2` itself does
        if same is not None:
            return _operate(same, a)
    return _operate(operation, a, b)


_add_operators()


class _Namespace:
    """The part of the array API that rules may use on symbols."""

    _ELEMENTWISE = (
        "abs",
        "exp",
        "expm1",
        "log",
        "log1p",
        "maximum",
        "minimum",
        "negative",
        "positive",
        "sign",
        "sqrt",
        "square",
        "tanh",
    )

    def __getattr__(self, name: str) -> Callable[..., Symbol]:
        if name in REDUCTIONS:
            return lambda x, /, **how: _reduce(REDUCTIONS[name], x, **how)
        if name not in self._ELEMENTWISE:
            raise AttributeError(f"{name} is not an operation that can run in place")
        operation = _BY_KEYWORD.get(name, getattr(np, name))
        return lambda *arguments: _operate(operation, *arguments)

    @staticmethod
    def where(condition: Any, a: Any, b: Any) -> Symbol:
        return _operate(select, _condition(condition, [a, b]), a, b)

    @staticmethod
    def clip(x: Symbol, /, min: Any = None, max: Any = None) -> Symbol:
        above = x if min is None else _operate(maximum, x, min)
        return above if max is None else _operate(minimum, above, max)

    @staticmethod
    def mean(x: Symbol, /, **how: Any) -> Symbol:
        total = _reduce(np.add.reduce, x, **how)
        return _operate(np.true_divide, total, prod(x.shape[1:]) // prod(total.shape[1:]))

    @staticmethod
    def reshape(x: Symbol, /, shape: Shape) -> Symbol:
        """The same numbers in another shape; the axis of the runs stays in front."""
        runs, *lengths = shape
        size = prod(x.shape[1:])
        if -1 in lengths:
            lengths[lengths.index(-1)] = size // -prod(lengths)
        if runs != RUNS or prod(lengths) != size:
            raise Untraceable(f"cannot reshape {x.shape} to {shape}")
        return Symbol(x.node, (RUNS, *lengths), x.whole)


_NAMESPACE = _Namespace()
_BY_KEYWORD = {"maximum": maximum, "minimum": minimum}


def _reduce(
    operation: Callable[..., Any], x: Symbol, *, axis: Any = None, keepdims: bool = False
) -> Symbol:
    axes = sorted(a % x.ndim for a in (axis if isinstance(axis, tuple) else (axis,)))
    if x.node.dtype is bool:
        raise Untraceable("truth values are counted in integers")
    if x.node.kind is Kind.COLUMN:
        raise Untraceable("a column has no axis to sum along")
    lengths = [1 if a in axes else length for a, length in enumerate(x.shape)]
    if axes == [*range(1, x.ndim)]:
        kind = Kind.VALUE
    elif x.has_matrix_axes and axes in ([1], [2]):
        kind = x.node.kind & (Kind.INPUTS if axes == [1] else Kind.UNITS)
    else:
        raise Untraceable("only sums of a run, or of rows or columns of a matrix, can run in place")
    if kind is x.node.kind:
        raise Untraceable("a sum along an axis that is not there")
    shape = lengths if keepdims else [n for a, n in enumerate(x.shape) if a not in axes]
    return Symbol(Node(kind, operation, (x.node,)), tuple(shape), x.whole)
