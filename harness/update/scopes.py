"""How update rules are applied to θ: in the pieces that their scope asks for.

A rule of scope TENSOR sees each parameter by itself, (rows, *shape), and has a state for each. Any other
rule sees the rows of its block, (rows, P). The functions take any arrays that can be sliced and assigned
to, NumPy arrays and PyTorch tensors alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.backends import Block
from harness.contracts import Array, Batch, Scope, State, array_namespace
from harness.fields import float_fields, with_fields

if TYPE_CHECKING:
    from harness.model.network import Network, Parameter

__all__ = [
    "apply",
    "concat",
    "evaluated",
    "initial_state",
    "rule_for",
    "select",
    "with_all_columns",
    "with_columns",
]


def initial_state(block: Block, theta: Array, network: Network) -> list[State]:
    """The state of a block before its first step: one for each piece of θ that its rule sees.

    The arrays are copies, so a rule may start from θ itself.

    Args:
        block: Rule with its runs.
        theta: Parameters of all runs, (R, P).
        network: Network of all runs, for the layout of θ.
    """
    xp = array_namespace(theta)
    return [
        {name: xp.asarray(slot, copy=True) for name, slot in rule.init(piece).items()}
        for rule, piece in zip(_rules(block, network), _pieces(block, theta, network), strict=True)
    ]


def apply(
    block: Block,
    theta: Array,
    gradient: Array,
    state: list[State],
    lr: Any,
    t: Any,
    network: Network,
    batch: Batch | None = None,
) -> None:
    """One step of a block, written into its rows of `theta` and into `state`.

    What the rule returns is copied: it may keep the gradient, whose array the next step overwrites.

    Args:
        block: Rule with its runs.
        theta: Parameters of all runs, (R, P).
        gradient: Gradient of all runs, (R, P).
        state: State of the block, as `initial_state` made it.
        lr: Learning rate, a number or an (R, 1) array where θ is.
        t: Number of the step, from 1, a number or an (R, 1) array where θ is.
        network: Network of all runs, for the layout of θ.
        batch: Batch of the runs of the block, for scope OBJECTIVE alone.
    """
    keywords = {} if batch is None else {"batch": batch}
    rate, number = (v if isinstance(v, int | float) else v[block.rows] for v in (lr, t))
    pieces = zip(
        _rules(block, network),
        _pieces(block, theta, network),
        _pieces(block, gradient, network),
        state,
        strict=True,
    )
    for rule, piece, slope, slots in pieces:
        new, new_slots = rule.step(
            piece,
            slope,
            slots,
            lr=_column(rate, piece.ndim),
            t=_column(number, piece.ndim),
            **keywords,
        )
        # A rule may return θ, or one slot as another: these are copied before they are written over
        overwritten = [piece, *slots.values()]
        values = {name: _apart(new_slots[name], slot, overwritten) for name, slot in slots.items()}
        piece[...] = new
        for name, slot in slots.items():
            slot[...] = values[name]


def evaluated(
    blocks: Sequence[Block],
    theta: Array,
    state: Sequence[Any],
    network: Network,
    to_device: Callable[[Array], Array],
) -> Array:
    """Where the runs of a stack are to be judged, (R, P): θ itself, or what their rules make of it.

    Args:
        blocks: Rules and wrappers in the order of a step.
        theta: Parameters, (R, P).
        state: State of each block, as its updater has it.
        network: Network of all runs, for the layout of θ.
        to_device: Brings an array of the host to where θ is.
    """
    if not any(hasattr(block.rule, "evaluated") for block in blocks):
        return theta
    point = array_namespace(theta).asarray(theta, copy=True)
    for block, slots in zip(blocks, state, strict=True):
        on_device = Block(block.rows, with_all_columns(block, to_device))
        pieces = zip(
            _rules(on_device, network),
            _pieces(on_device, theta, network),
            _pieces(on_device, point, network),
            slots if isinstance(slots, list) else [slots],
            strict=True,
        )
        for rule, piece, judged, piece_slots in pieces:
            if hasattr(rule, "evaluated"):
                judged[...] = rule.evaluated(piece, piece_slots)
    return point


def select(state: Any, rows: Any) -> Any:
    """The state of some of the runs.

    Args:
        state: Array that leads with the run axis, or any nesting of lists and dicts of such arrays.
        rows: Index of the run axis, on the same device.
    """
    if isinstance(state, dict):
        return {name: select(value, rows) for name, value in state.items()}
    if isinstance(state, list):
        return [select(value, rows) for value in state]
    return state[rows]


def concat(state: Any, other: Any) -> Any:
    """The states of two groups of runs with the same rules as one.

    Args:
        state: State of the first runs.
        other: State of the runs that come after them, nested alike.
    """
    if isinstance(state, dict):
        return {name: concat(value, other[name]) for name, value in state.items()}
    if isinstance(state, list):
        return [concat(first, second) for first, second in zip(state, other, strict=True)]
    return array_namespace(state).concat([state, other])


def with_columns(rule: Any, convert: Callable[[Array], Array]) -> Any:
    """The rule with other arrays in the fields that differ between its runs.

    Args:
        rule: Rule of a block.
        convert: Makes the new array from a (rows, 1) float64 NumPy array.
    """
    values = {name: getattr(rule, name) for name in float_fields(rule)}
    columns = {
        name: convert(value) for name, value in values.items() if not isinstance(value, float)
    }
    return with_fields(rule, **columns) if columns else rule


def with_all_columns(block: Block, to_device: Callable[[Array], Array]) -> Any:
    """The rule of a block with a (rows, 1) array in every float field: no run depends on its company.

    Args:
        block: Rule with its runs.
        to_device: Brings a float64 array of the host to where θ is.
    """
    rule, rows = block.rule, block.rows.stop - block.rows.start
    columns = {
        name: np.broadcast_to(np.reshape(getattr(rule, name), (-1, 1)), (rows, 1))
        for name in float_fields(rule)
    }
    return with_fields(rule, **{name: to_device(column) for name, column in columns.items()})


def rule_for(rule: Any, parameter: Parameter, network: Network) -> Any:
    """The rule that steps a parameter: the given one or the one that it chooses; see `Optimizer`.

    Args:
        rule: Rule of scope TENSOR.
        parameter: Parameter to be stepped.
        network: Network that it belongs to.
    """
    choose = getattr(rule, "for_parameter", None)
    return rule if choose is None else choose(network.layers[parameter.layer], parameter.shape)


def _apart(new: Array, slot: Array, overwritten: Sequence[Array]) -> Array:
    """The new value of a slot; a copy if it is another one of the arrays that are written over."""
    if new is not slot and any(new is array for array in overwritten):
        return array_namespace(new).asarray(new, copy=True)
    return new


def _pieces(block: Block, array: Array, network: Network) -> list[Array]:
    part = array[block.rows]
    if block.rule.scope is Scope.TENSOR:
        return [parameter.view(part) for parameter in network.parameters]
    return [part]


def _rules(block: Block, network: Network) -> list[Any]:
    """The rule for each piece, its (rows, 1) fields shaped to broadcast."""
    if block.rule.scope is not Scope.TENSOR:
        return [block.rule]
    shaped = (
        with_columns(block.rule, partial(_column, ndim=1 + len(parameter.shape)))
        for parameter in network.parameters
    )
    return [
        rule_for(rule, parameter, network)
        for rule, parameter in zip(shaped, network.parameters, strict=True)
    ]


def _column(value: Any, ndim: int) -> Any:
    """A number as it is; (rows, 1) as (rows, 1, ..., 1)."""
    return value if isinstance(value, int | float) else value.reshape(-1, *[1] * (ndim - 1))
