"""What an update rule is called with to find out what it computes: symbols in place of arrays.

A *node* is a value of the rule: a leaf, or an operation on other nodes. A *symbol* is a node in the
shape in which the rule holds it. Nodes are of three kinds:

- a *vector* is as long as the part of θ that the rule sees;
- a *value* is one number a run that came out of a vector, such as a norm, in the precision of θ;
- a *column* is one number a run that came out of none: hyperparameters, the rate, the step number, and
  what is computed from those alone. Columns are worked out in double precision, as a rule with plain
  Python floats would be, and rounded where they meet the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from math import prod
from typing import Any

import numpy as np

__all__ = ["RUNS", "Kind", "Node", "Symbol", "Untraceable", "select"]

# What a symbol gives for the length of the axis of the runs. It is the same in every stack, so that a
# rule comes to the same record in each; and no width is this prime, so that none is taken for it.
RUNS = 1_000_003

Shape = tuple[int, ...]


class Untraceable(Exception):
    """A rule does something that symbols cannot stand in for, such as a product of matrices."""


class Kind(IntEnum):
    """Of a node. What comes of several kinds is of the largest one."""

    COLUMN = 0
    VALUE = 1
    VECTOR = 2


@dataclass(frozen=True, eq=False)
class Node:
    """A leaf with a name, or an operation on nodes and numbers."""

    kind: Kind
    operation: Callable[..., Any] | None = None
    arguments: tuple[Node | float, ...] = ()
    name: str = ""
    dtype: type | None = None  # None: that of θ

    @property
    def reduces(self) -> bool:
        """Whether it takes a vector to a value."""
        return self.operation in _REDUCTIONS.values()


class Symbol:
    """A node, and the shape in which a rule has it. A column fits any shape, and so has ()."""

    __array_ufunc__ = None  # NumPy scalars on the left leave the operation to the symbol

    def __init__(self, node: Node, shape: Shape) -> None:
        self.node = node
        self.shape = shape

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

    def __neg__(self) -> Symbol:
        return _operate(np.negative, self)

    def __abs__(self) -> Symbol:
        return _operate(np.absolute, self)


def _operate(operation: Callable[..., Any], *arguments: Any, dtype: type | None = None) -> Symbol:
    for argument in arguments:
        if not isinstance(argument, Symbol | int | float):
            raise Untraceable(f"cannot trace a {type(argument).__name__}")
    symbols = [argument for argument in arguments if isinstance(argument, Symbol)]
    kind = max(symbol.node.kind for symbol in symbols)
    shape = np.broadcast_shapes(*(symbol.shape for symbol in symbols))
    if any(symbol.shape != shape for symbol in symbols if symbol.node.kind is kind):
        raise Untraceable("shapes that differ were combined to a third one")
    nodes = tuple(a.node if isinstance(a, Symbol) else a for a in arguments)
    return Symbol(Node(kind, operation, nodes, dtype=dtype), shape)


def _add_operators() -> None:
    """Gives Symbol its binary operators: each records the NumPy function of the same meaning."""
    arithmetic: dict[str, Callable[..., Any]] = {
        "add": np.add,
        "sub": np.subtract,
        "mul": np.multiply,
        "truediv": np.true_divide,
        "pow": np.power,
    }
    for name, operation in arithmetic.items():
        setattr(Symbol, f"__{name}__", lambda a, b, f=operation: _power_or(f, a, b))
        setattr(Symbol, f"__r{name}__", lambda a, b, f=operation: _operate(f, b, a))
    logical: dict[str, Callable[..., Any]] = {
        "lt": np.less,
        "le": np.less_equal,
        "gt": np.greater,
        "ge": np.greater_equal,
        "and": np.bitwise_and,
        "or": np.bitwise_or,
    }
    for name, operation in logical.items():
        setattr(Symbol, f"__{name}__", lambda a, b, f=operation: _operate(f, a, b, dtype=bool))


def _power_or(operation: Callable[..., Any], a: Symbol, b: Any) -> Symbol:
    if operation is np.power and a.node.kind is not Kind.COLUMN and isinstance(b, int | float):
        fast = {2: np.square, 0.5: np.sqrt, 1: np.positive}.get(b)  # as `array ** 2` itself does
        if fast is not None:
            return _operate(fast, a)
    return _operate(operation, a, b)


_add_operators()


# --- functions of the array API -----------------------------------------------------------------------


def select(condition: Any, a: Any, b: Any, out: np.ndarray) -> None:
    """`where` with an output array, which NumPy's own lacks; `out` must be none of the inputs."""
    np.copyto(out, b)
    np.copyto(out, a, where=condition)


def maximum(a: Any, b: Any, out: np.ndarray | None = None) -> Any:
    """NumPy's own, which with `minimum` no longer takes `out` by its place."""
    return np.maximum(a, b, out=out)


def minimum(a: Any, b: Any, out: np.ndarray | None = None) -> Any:
    """See `maximum`."""
    return np.minimum(a, b, out=out)


_REDUCTIONS = {"sum": np.add.reduce, "max": np.maximum.reduce, "min": np.minimum.reduce}
_BY_KEYWORD = {"maximum": maximum, "minimum": minimum}


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
        if name in _REDUCTIONS:
            return lambda x, /, **how: _reduce(_REDUCTIONS[name], x, **how)
        if name not in self._ELEMENTWISE:
            raise AttributeError(f"{name} is not an operation that can run in place")
        operation = _BY_KEYWORD.get(name, getattr(np, name))
        return lambda *arguments: _operate(operation, *arguments)

    @staticmethod
    def where(condition: Any, a: Any, b: Any) -> Symbol:
        chosen = _operate(select, condition, a, b)
        if chosen.node.kind is not Kind.COLUMN and condition.node.kind is Kind.COLUMN:
            raise Untraceable(
                "a column is rounded where it meets a vector, and no truth value then"
            )
        return chosen

    @staticmethod
    def mean(x: Symbol, /, **how: Any) -> Symbol:
        return _operate(np.true_divide, _reduce(np.add.reduce, x, **how), prod(x.shape[1:]))

    @staticmethod
    def reshape(x: Symbol, /, shape: Shape) -> Symbol:
        """The same numbers; the axis of the runs stays in front."""
        size = prod(x.shape)
        if -1 in shape:
            missing = size // -prod(shape)
            shape = tuple(missing if length == -1 else length for length in shape)
        if shape[:1] != x.shape[:1] or prod(shape) != size:
            raise Untraceable(f"cannot reshape {x.shape} to {shape}")
        return Symbol(x.node, shape)


_NAMESPACE = _Namespace()


def _reduce(
    operation: Callable[..., Any], x: Symbol, *, axis: Any = None, keepdims: bool = False
) -> Symbol:
    axes = axis if isinstance(axis, tuple) else (axis,)
    ndim = x.ndim
    if x.node.kind is not Kind.VECTOR or sorted(a % ndim for a in axes) != [*range(1, ndim)]:
        raise Untraceable("only sums and the like over all of a run can run in place")
    if x.node.dtype is bool:
        raise Untraceable("truth values are counted in integers")
    shape = (x.shape[0], *[1] * (ndim - 1)) if keepdims else x.shape[:1]
    return Symbol(Node(Kind.VALUE, operation, (x.node,)), shape)
