"""The order of the operations of a rule that needs a number of a whole run before it can go on.

A norm must be known before anything is divided by it, so a rule with norms goes through θ in several
stages. Each works out values from the sums of the stages before it, then units, inputs and vectors,
then the sums and other reductions that the next stage needs. An elementwise rule has one stage.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.inplace.nodes import Kind, Node

__all__ = ["in_order", "stages_of"]


def in_order(outputs: Sequence[Node]) -> list[Node]:
    """All operations that the outputs need, except those on columns; arguments before their users."""
    ordered: dict[Node, None] = {}

    def visit(node: Node | float) -> None:
        if not isinstance(node, Node) or node.kind is Kind.COLUMN or node.operation is None:
            return
        if node not in ordered:
            for argument in node.arguments:
                visit(argument)
            ordered[node] = None

    for output in outputs:
        visit(output)
    return list(ordered)


def stages_of(nodes: Sequence[Node], outputs: Sequence[Node]) -> dict[Node, int]:
    """The stage of each node, from 0, as late as possible: a node that waits needs no memory meanwhile.

    A node that reduces belongs to the first stage that can read its value.

    Args:
        nodes: All nodes, in order.
        outputs: The nodes that the rule returns.
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
