"""Whether the best value of a hyperparameter lies on the edge of what was tried, and longer ranges.

A value is on an edge if no value beyond it was tried, or if it lies within the outermost 1/n of the
range on its own scale, where n settings were tried: then nothing says that the best one is not outside.
A value beyond it whose runs diverged was tried; one whose runs failed was not. A choice has no edge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.errors import ConfigurationError
from harness.search_space import Choice, Dimension

__all__ = ["Edge", "edges_of", "extended"]

SHARES = (
    1 / 2,
    1 / 4,
    1 / 8,
    1 / 16,
)  # of a range's width, for its extension: the first that may be

Space = Mapping[str, Dimension]


@dataclass(frozen=True)
class Edge:
    """A best value on the edge of its range.

    side: "low" or "high". value: as the command line says it. low, high: the ends of the range.
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
    space: Space, tried: Sequence[Mapping[str, str]], best: Mapping[str, str]
) -> list[Edge]:
    """Where the best setting lies on the edge of a space. tried: the settings, the best among them."""
    found = []
    for key, dimension in space.items():
        if isinstance(dimension, Choice):
            continue
        value, values = float(best[key]), [float(setting[key]) for setting in tried]
        position = dimension.position(value)
        margin = 1 / len(tried)
        ends = {
            "low": value <= min(values) or position <= margin,
            "high": value >= max(values) or position >= 1 - margin,
        }
        found += [
            Edge(key, side, best[key], dimension.low, dimension.high)
            for side, on_edge in ends.items()
            if on_edge
        ]
    return found


def extended(space: Space, found: Sequence[Edge], allows: Callable[[str, str], bool]) -> Space:
    """The space with the ranges of these edges longer by half their width there, on their scale.

    allows: whether a value of a key can be trained with; where the new end cannot, the extension is
    halved until it can, and left out in the end.
    """
    longer = dict(space)
    for edge in found:
        for share in SHARES:
            ends = (share, 0.0) if edge.side == "low" else (0.0, share)
            try:
                dimension: Any = space[edge.key]
                dimension = dimension.extended(*ends)
            except ConfigurationError:  # no such range on its scale
                continue
            end = getattr(dimension, edge.side)
            if allows(edge.key, dimension.text(end)):
                longer[edge.key] = replace(longer[edge.key], **{edge.side: end})
                break
    return longer
