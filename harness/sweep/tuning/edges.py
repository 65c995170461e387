"""Whether the best value of a hyperparameter lies on the edge of the values tried, and longer ranges.

A value is on an edge if no value beyond it was tried, or if it lies within the outermost 1/n of the
range on its own scale, where n settings were tried: then a better value may lie outside. Values whose
runs diverged count as tried, values whose runs failed do not. A choice has no edge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.errors import ConfigurationError
from harness.search_space import Choice, Dimension

__all__ = ["Edge", "edges_of", "extended"]

SHARES = (1 / 2, 1 / 4, 1 / 8, 1 / 16)  # of a range's width: the first allowed one extends it

Space = Mapping[str, Dimension]


@dataclass(frozen=True)
class Edge:
    """A best value on the edge of its range.

    Attributes:
        key: Key of the configuration.
        side: "low" or "high".
        value: The best value, as on the command line.
        low: Lower end of the range.
        high: Upper end of the range.
    """

    key: str
    side: str
    value: str
    low: float
    high: float

    def __str__(self) -> str:
        where = {"low": "lower", "high": "upper"}[self.side]
        return (
            f"{self.key}={self.value} is on the {where} edge of its range, "
            f"{self.low:g} to {self.high:g}"
        )


def edges_of(
    space: Space,
    tried: Sequence[Mapping[str, str]],
    best: Mapping[str, str],
    points: int | None = None,
) -> list[Edge]:
    """The values of the best setting that lie on an edge.

    Args:
        space: What was sampled, by key.
        tried: All settings that were tried, as texts by key.
        best: The best of them.
        points: How many settings were spread over the space; None for all that were tried.
    """
    edges = []
    for key, dimension in space.items():
        if isinstance(dimension, Choice):
            continue
        value, values = float(best[key]), [float(setting[key]) for setting in tried]
        position = dimension.position(value)
        margin = 1 / (points or len(tried))
        ends = {
            "low": value <= min(values) or position <= margin,
            "high": value >= max(values) or position >= 1 - margin,
        }
        edges += [
            Edge(key, side, best[key], dimension.low, dimension.high)
            for side, on_edge in ends.items()
            if on_edge
        ]
    return edges


def extended(space: Space, edges: Sequence[Edge], allows: Callable[[str, str], bool]) -> Space:
    """The space with longer ranges at these edges: by half their width, on their scale.

    Where the new end is not allowed, the extension is halved, three times at most; a range that still
    cannot be extended stays as it is.

    Args:
        space: What was sampled, by key.
        edges: Edges at which to extend the ranges.
        allows: Whether a value of a key, as text, can be trained with.
    """
    longer = dict(space)
    for edge in edges:
        for share in SHARES:
            ends = (share, 0.0) if edge.side == "low" else (0.0, share)
            try:
                dimension: Any = space[edge.key]
                dimension = dimension.extended(*ends)
            except ConfigurationError:  # there is no such range on this scale
                continue
            end = getattr(dimension, edge.side)
            if allows(edge.key, dimension.text(end)):
                longer[edge.key] = replace(longer[edge.key], **{edge.side: end})
                break
    return longer
