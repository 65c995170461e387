"""Records what an update rule computes, so that it can be run in place.

A rule is written as plain expressions, θ − η m̂ / (√v̂ + ε). Evaluated as such, each operation makes a
new array as long as θ, and memory traffic takes most of the time. So the rule is called once with
symbols instead of arrays. The result is its operations, which `rule.py` runs on pieces that fit into
the cache, with reused buffers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.contracts import Scope
from harness.fields import float_fields, with_fields
from harness.inplace.nodes import Kind, Node
from harness.inplace.symbols import RUNS, Symbol, Untraceable, broadcast_shape

__all__ = ["Trace", "trace"]


@dataclass(frozen=True)
class Trace:
    """What a rule computes: its new θ and state as nodes over the leaves.

    Attributes:
        leaves: The inputs by name: "theta", "gradient", and each slot of the state.
        outputs: The results by name: "theta" and each slot.
    """

    leaves: dict[str, Node]
    outputs: dict[str, Node]


def trace(rule: Any, shape: tuple[int, ...], choose: Callable[[Any], Any] = lambda x: x) -> Trace:
    """Calls the rule with symbols. Raises Untraceable, and what NumPy raises when given a symbol.

    Args:
        rule: The rule.
        shape: Shape of the part of θ that the rule sees, without the axis of the runs.
        choose: The rule that steps this part, as a function of `rule`, whose float fields may be
            symbols.
    """
    # Without `lr`: the rate of a step is an argument of it; `self.lr` is the base rate
    columns = {name: _column(name) for name in float_fields(rule) if name != "lr"}
    symbolic = choose(with_fields(rule, **columns))
    # The state of an elementwise rule is the same for any length
    slots = _slots(choose(rule), _PROBE[:1] if rule.scope is Scope.ELEMENT else shape)
    kinds = {"theta": Kind.VECTOR, "gradient": Kind.VECTOR, **slots}
    leaves = {name: Node(kind, name=name) for name, kind in kinds.items()}
    symbols = {
        name: Symbol(leaf, (RUNS, *broadcast_shape(leaf.kind, shape)), shape)
        for name, leaf in leaves.items()
    }
    theta, state = symbolic.step(
        symbols["theta"],
        symbols["gradient"],
        {slot: symbols[slot] for slot in slots},
        lr=_column("lr"),
        t=_column("t"),
    )
    outputs = {"theta": theta, **state}
    if set(outputs) != {"theta", *slots}:
        raise Untraceable("the rule does not return θ and the slots of its state")
    for name, output in outputs.items():
        if not isinstance(output, Symbol) or output.shape != symbols[name].shape:
            raise Untraceable("the rule returns something other than arrays like θ")
        if output.node.kind is not leaves[name].kind or output.node.dtype is not None:
            raise Untraceable("the rule returns numbers that are not like those of θ")
    return Trace(leaves, {name: output.node for name, output in outputs.items()})


def _column(name: str) -> Symbol:
    return Symbol(Node(Kind.COLUMN, name=name), ())


# The shape of a matrix whose rows, columns and numbers a run cannot be mistaken for one another
_PROBE = (3, 5)


def _slots(rule: Any, shape: tuple[int, ...]) -> dict[str, Kind]:
    """The kind of each slot; all must be arrays like θ, or like a row or column of it."""
    kinds_of_shapes = {shape: Kind.VECTOR}
    if len(shape) == 2:
        kinds = (Kind.VECTOR, Kind.UNITS, Kind.INPUTS)
        kinds_of_shapes = {broadcast_shape(kind, _PROBE): kind for kind in kinds}
    probe = rule.init(np.zeros((1, *(_PROBE if len(shape) == 2 else shape)), np.float32))
    slots = {name: kinds_of_shapes.get(slot.shape[1:]) for name, slot in sorted(probe.items())}
    state = rule.init(np.zeros((1, *shape), np.float32))
    for name, kind in slots.items():
        if kind is None or state[name].shape != (1, *broadcast_shape(kind, shape)):
            raise Untraceable(f"the slot {name!r} is not an array like θ")
        if not state[name].flags.c_contiguous:
            raise Untraceable(f"the slot {name!r} is not contiguous")
    return {name: kind for name, kind in slots.items() if kind is not None}
