"""When what is computed, where a rule needs a number of a whole run before it can go on.

A norm must be there before anything is divided by it, so a rule with norms goes through θ in several
stages. Each works out values from what the stages before it have summed up, then units, inputs and
vectors, then sums and the like of these for the next one. An elementwise rule has one stage.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.inplace.nodes import Kind, Node

__all__ = ["in_order", "stages_of"]


def in_order(outputs: Sequence[Node]) -> list[Node]:
    """All operations but those on columns that the outputs need, arguments before what uses them."""
    found: dict[Node, None] = {}

    def visit(node: Node | float) -> None:
        if not isinstance(node, Node) or node.kind is Kind.COLUMN or node.operation is None:
            return
        if node not in found:
            for argument in node.arguments:
                visit(argument)
            found[node] = None

    for output in outputs:
        visit(output)
    return list(found)


def stages_of(nodes: Sequence[Node], outputs: Sequence[Node]) -> dict[Node, int]:
    """The stage of each node, from 0, as late as may be: what can wait need not be kept meanwhile.

    nodes: in order. A node that reduces belongs to the stage in which its value is first there.
    """
    earliest: dict[Node, int] = {}
    for node in nodes:
        before = (earliest.get(a, 0) for a in node.arguments if isinstance(a, Node))
        earliest[node] = max(before, default=0) + node.reduces
    last = max(earliest.values(), default=0)
    stages = dict.fromkeys(outputs, last)
    for node in reversed(nodes):
        for argument in node.arguments:
            if isinstance(argument, Node) and argument in earliest:
                needed = stages[node] - node.reduces
                stages[argument] = min(stages.get(argument, last), needed)
    return stages
