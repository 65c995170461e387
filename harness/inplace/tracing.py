"""Records what an update rule computes, so that it can be run in place.

A rule is written as plain expressions, θ − η m̂ / (√v̂ + ε). Evaluated as such, each operation makes a
new array as long as θ, and memory traffic takes most of the time. So the rule is called once with
symbols instead of arrays. What comes out are its operations, which `rule.py` runs on pieces that fit
into the cache, with reused buffers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.contracts import Scope
from harness.fields import float_fields, with_fields
from harness.inplace.nodes import Kind, Node
from harness.inplace.symbols import RUNS, Symbol, Untraceable, laid_out

__all__ = ["Trace", "trace"]


@dataclass(frozen=True)
class Trace:
    """What a rule computes: its new θ and state as nodes over the leaves."""

    leaves: dict[str, Node]  # "theta", "gradient", and each slot of the state
    outputs: dict[str, Node]  # "theta" and each slot


def trace(rule: Any, shape: tuple[int, ...], chosen: Callable[[Any], Any] = lambda x: x) -> Trace:
    """Calls the rule with symbols. Raises Untraceable, and what NumPy raises when given a symbol.

    shape: of what the rule sees, without the axis of the runs. chosen: the rule that steps it, given
    `rule` with symbols for its float fields.
    """
    # Without `lr`: the rate of the step is given; `self.lr` is the base rate
    columns = {name: _column(name) for name in float_fields(rule) if name != "lr"}
    symbolic = chosen(with_fields(rule, **columns))
    # An elementwise rule need not be asked for the state of all of θ
    slots = _slots(chosen(rule), _ODD[:1] if rule.scope is Scope.ELEMENT else shape)
    kinds = {"theta": Kind.VECTOR, "gradient": Kind.VECTOR, **slots}
    leaves = {name: Node(kind, name=name) for name, kind in kinds.items()}
    given = {
        name: Symbol(leaf, (RUNS, *laid_out(leaf.kind, shape)), shape)
        for name, leaf in leaves.items()
    }
    theta, state = symbolic.step(
        given["theta"],
        given["gradient"],
        {slot: given[slot] for slot in slots},
        lr=_column("lr"),
        t=_column("t"),
    )
    outputs = {"theta": theta, **state}
    if set(outputs) != {"theta", *slots}:
        raise Untraceable("the rule does not return θ and the slots of its state")
    for name, output in outputs.items():
        if not isinstance(output, Symbol) or output.shape != given[name].shape:
            raise Untraceable("the rule returns something else than arrays like θ")
        if output.node.kind is not leaves[name].kind or output.node.dtype is not None:
            raise Untraceable("the rule returns numbers that are not like those of θ")
    return Trace(leaves, {name: output.node for name, output in outputs.items()})


def _column(name: str) -> Symbol:
    return Symbol(Node(Kind.COLUMN, name=name), ())


# Of a matrix whose rows and columns cannot be mistaken for one another, nor for a number a run
_ODD = (3, 5)


def _slots(rule: Any, shape: tuple[int, ...]) -> dict[str, Kind]:
    """The state by name; all of it must be arrays like θ, or like a row or column of it."""
    known = {shape: Kind.VECTOR}
    if len(shape) == 2:
        known = {laid_out(kind, _ODD): kind for kind in (Kind.VECTOR, Kind.UNITS, Kind.INPUTS)}
    odd = rule.init(np.zeros((1, *(_ODD if len(shape) == 2 else shape)), np.float32))
    kinds = {name: known.get(slot.shape[1:]) for name, slot in sorted(odd.items())}
    state = rule.init(np.zeros((1, *shape), np.float32))
    for name, kind in kinds.items():
        if kind is None or state[name].shape != (1, *laid_out(kind, shape)):
            raise Untraceable(f"the slot {name!r} is not an array like θ")
        if not state[name].flags.c_contiguous:
            raise Untraceable(f"the slot {name!r} is not contiguous")
    return {name: kind for name, kind in kinds.items() if kind is not None}
