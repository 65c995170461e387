"""Records what an update rule computes, so that it can be run in place.

A rule is written as plain expressions, θ − η m̂ / (√v̂ + ε). Evaluated as such, each operation makes a
new array as long as θ, and memory traffic takes most of the time. So the rule is called once with
symbols instead of arrays. What comes out are its operations, which `rule.py` runs on pieces that fit
into the cache, with reused buffers.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.contracts import Scope
from harness.fields import float_fields
from harness.inplace.nodes import Kind, Node
from harness.inplace.symbols import RUNS, Symbol, Untraceable

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
    symbolic = copy.copy(rule)
    for name in float_fields(rule):
        if name != "lr":  # the rate of the step is given; `self.lr` is the base rate
            object.__setattr__(symbolic, name, _column(name))
    symbolic = chosen(symbolic)
    # An elementwise rule need not be asked for the state of all of θ
    slots = _slots(chosen(rule), (1,) if rule.scope is Scope.ELEMENT else shape)
    leaves = {name: Node(Kind.VECTOR, name=name) for name in ("theta", "gradient", *slots)}
    given = {name: Symbol(leaf, (RUNS, *shape)) for name, leaf in leaves.items()}
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
    for output in outputs.values():
        if not isinstance(output, Symbol) or output.shape != (RUNS, *shape):
            raise Untraceable("the rule returns something else than arrays like θ")
        if output.node.kind is not Kind.VECTOR or output.node.dtype is not None:
            raise Untraceable("the rule returns numbers that are not like those of θ")
    return Trace(leaves, {name: output.node for name, output in outputs.items()})


def _column(name: str) -> Symbol:
    return Symbol(Node(Kind.COLUMN, name=name), ())


def _slots(rule: Any, shape: tuple[int, ...]) -> list[str]:
    """The names of the state; all of it must be arrays like θ."""
    state = rule.init(np.zeros((1, *shape), np.float32))
    for name, slot in state.items():
        if slot.shape != (1, *shape) or not slot.flags.c_contiguous:
            raise Untraceable(f"the slot {name!r} is not an array like θ")
    return sorted(state)
