"""Records what an update rule computes, so that it can be run in place.

A rule is written as plain expressions, θ − η m̂ / (√v̂ + ε). Evaluated as such, each operation makes a
new array as long as θ, and memory traffic takes most of the time. So the rule is called once with
symbols instead of arrays. What comes out is the list of its operations, which `updater.py` runs on
pieces that fit into the cache, with reused buffers.

Two kinds of symbols: *vectors* are as long as θ; *columns* have one value a run (hyperparameters, the
rate, the step number, and what is computed from those alone). Columns are worked out in double
precision, as a rule with plain Python floats would be, and rounded where they meet a vector.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from harness.fields import float_fields

__all__ = ["Symbol", "Trace", "Untraceable", "select", "trace"]


class Untraceable(Exception):
    """A rule does something that symbols cannot stand in for, such as a sum over θ."""


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


class Symbol:
    """A value of the trace: a leaf with a name, or an operation on arguments."""

    __array_ufunc__ = None  # NumPy scalars on the left leave the operation to the symbol

    def __init__(
        self,
        operation: Callable[..., Any] | None,
        arguments: tuple[Any, ...],
        vector: bool,
        name: str = "",
        dtype: type | None = None,
    ) -> None:
        self.operation = operation
        self.arguments = arguments
        self.vector = vector
        self.name = name
        self.dtype = dtype  # None: that of θ

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
    return Symbol(operation, arguments, any(symbol.vector for symbol in symbols), dtype=dtype)


def _add_operators() -> None:
    """Gives Symbol its binary operators: each records the NumPy function of the same meaning."""
    for name, operation in {
        "add": np.add,
        "sub": np.subtract,
        "mul": np.multiply,
        "truediv": np.true_divide,
        "mod": np.remainder,
        "pow": np.power,
    }.items():
        setattr(Symbol, f"__{name}__", lambda a, b, f=operation: _power_or(f, a, b))
        setattr(Symbol, f"__r{name}__", lambda a, b, f=operation: _operate(f, b, a))
    for name, operation in {
        "lt": np.less,
        "le": np.less_equal,
        "gt": np.greater,
        "ge": np.greater_equal,
    }.items():
        setattr(Symbol, f"__{name}__", lambda a, b, f=operation: _operate(f, a, b, dtype=bool))


def _power_or(operation: Callable[..., Any], a: Symbol, b: Any) -> Symbol:
    if operation is np.power and a.vector and isinstance(b, int | float):
        fast = {2: np.square, 0.5: np.sqrt, 1: np.positive}.get(b)  # as `array ** 2` itself does
        if fast is not None:
            return _operate(fast, a)
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
        if name not in self._ELEMENTWISE:
            raise AttributeError(f"{name} is not an elementwise operation that can run in pieces")
        operation = _BY_KEYWORD.get(name, getattr(np, name))
        return lambda *arguments: _operate(operation, *arguments)

    @staticmethod
    def where(condition: Any, a: Any, b: Any) -> Symbol:
        return _operate(select, condition, a, b)


_NAMESPACE = _Namespace()
_BY_KEYWORD = {"maximum": maximum, "minimum": minimum}


@dataclasses.dataclass(frozen=True)
class Trace:
    """What a rule computes: its new θ and state as symbols over the leaves."""

    leaves: dict[str, Symbol]  # "theta", "gradient", and each slot of the state
    columns: dict[str, Symbol]  # "lr", "t", and each float field of the rule
    outputs: dict[str, Symbol]  # "theta" and each slot


def trace(rule: Any, slots: list[str]) -> Trace:
    """Calls `rule.step` with symbols. slots: the names of its state. Raises Untraceable."""
    leaves = {name: Symbol(None, (), True, name) for name in ("theta", "gradient", *slots)}
    names = float_fields(rule)
    columns = {name: Symbol(None, (), False, name) for name in ("lr", "t", *names)}
    symbolic = copy.copy(rule)
    for name in names:
        if name != "lr":  # the rate of the step is given; `self.lr` is the base rate
            object.__setattr__(symbolic, name, columns[name])
    state = {slot: leaves[slot] for slot in slots}
    try:
        theta, new_state = symbolic.step(
            leaves["theta"], leaves["gradient"], state, lr=columns["lr"], t=columns["t"]
        )
    except (TypeError, AttributeError) as error:
        raise Untraceable(str(error)) from error
    outputs = {"theta": theta, **new_state}
    if set(outputs) != {"theta", *slots} or not all(
        isinstance(symbol, Symbol) and symbol.vector for symbol in outputs.values()
    ):
        raise Untraceable("the rule does not return θ and the slots of its state")
    return Trace(leaves, columns, outputs)
