"""How an update rule meets θ: in the pieces that its scope asks for.

An elementwise rule and one of scope VECTOR see the rows of their block, (rows, P). A rule of scope
TENSOR sees each parameter by itself, (rows, *shape), with a state of its own. All of it is written for
any arrays that can be sliced and assigned to, NumPy arrays and PyTorch tensors alike.
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

    theta: (R, P). The arrays are copies, so a rule may start from θ itself.
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

    theta, gradient: (R, P). lr, and t, the number of the step, from 1: a number, or (R, 1) like θ.
    batch: of the runs of the block, for scope OBJECTIVE. What the rule returns is copied, so it may keep
    the gradient, whose array the next step overwrites.
    """
    more = {} if batch is None else {"batch": batch}
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
            piece, slope, slots, lr=_column(rate, piece.ndim), t=_column(number, piece.ndim), **more
        )
        # A rule may hand on θ, or one slot as another: it is not to be written over before it is read
        given = [piece, *slots.values()]
        kept = {name: _apart(new_slots[name], slot, given) for name, slot in slots.items()}
        piece[...] = new
        for name, slot in slots.items():
            slot[...] = kept[name]


def evaluated(
    blocks: Sequence[Block],
    theta: Array,
    state: Sequence[Any],
    network: Network,
    place: Callable[[Array], Array],
) -> Array:
    """Where the runs of a stack are to be judged, (R, P): θ itself, or what their rules make of it.

    state: of each block, as its updater has it. place: brings an array of the host to θ. See
    `Optimizer.evaluated`.
    """
    if not any(hasattr(block.rule, "evaluated") for block in blocks):
        return theta
    point = array_namespace(theta).asarray(theta, copy=True)
    for block, slots in zip(blocks, state, strict=True):
        placed = Block(block.rows, with_all_columns(block, place))
        pieces = zip(
            _rules(placed, network),
            _pieces(placed, theta, network),
            _pieces(placed, point, network),
            slots if isinstance(slots, list) else [slots],
            strict=True,
        )
        for rule, piece, target, own in pieces:
            if hasattr(rule, "evaluated"):
                target[...] = rule.evaluated(piece, own)
    return point


def select(state: Any, rows: Any) -> Any:
    """The state, or states in lists, for the runs that stay. rows: an index of the run axis."""
    if isinstance(state, dict):
        return {name: select(value, rows) for name, value in state.items()}
    if isinstance(state, list):
        return [select(value, rows) for value in state]
    return state[rows]


def concat(state: Any, other: Any) -> Any:
    """The state of two groups of runs with the same rules as one, the other ones last."""
    if isinstance(state, dict):
        return {name: concat(value, other[name]) for name, value in state.items()}
    if isinstance(state, list):
        return [concat(mine, theirs) for mine, theirs in zip(state, other, strict=True)]
    return array_namespace(state).concat([state, other])


def with_columns(rule: Any, convert: Callable[[Array], Array]) -> Any:
    """The rule with `convert` applied to the fields that differ between its runs, (rows, 1)."""
    values = {name: getattr(rule, name) for name in float_fields(rule)}
    columns = {
        name: convert(value) for name, value in values.items() if not isinstance(value, float)
    }
    return with_fields(rule, **columns) if columns else rule


def with_all_columns(block: Block, to_device: Callable[[Array], Array]) -> Any:
    """The rule of a block with a column for every float field, so that no run depends on its company."""
    rule, rows = block.rule, block.rows.stop - block.rows.start
    columns = {
        name: np.broadcast_to(np.reshape(getattr(rule, name), (-1, 1)), (rows, 1))
        for name in float_fields(rule)
    }
    return with_fields(rule, **{name: to_device(column) for name, column in columns.items()})


def rule_for(rule: Any, parameter: Parameter, network: Network) -> Any:
    """What steps a parameter: a rule of scope TENSOR, or the one that it chooses; see `Optimizer`."""
    choose = getattr(rule, "for_parameter", None)
    return rule if choose is None else choose(network.layers[parameter.layer], parameter.shape)


def _apart(new: Array, slot: Array, given: Sequence[Array]) -> Array:
    """A copy where what a slot becomes is another one of the given arrays."""
    if new is not slot and any(new is one for one in given):
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
