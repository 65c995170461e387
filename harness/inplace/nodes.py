"""What an update rule computes, as nodes: a leaf, or an operation on other nodes.

Nodes are of five kinds:

- a *vector* is as long as the part of θ that the rule sees;
- where that part is a weight matrix, (fan_out, fan_in), *units* have one number for each of its rows,
  and *inputs* one for each of its columns;
- a *value* is one number a run, computed from a vector, such as a norm; in the precision of θ;
- a *column* is one number a run, computed from no vector: hyperparameters, the rate, the step number,
  and what follows from those alone. Columns are worked out in double precision, as plain Python floats
  would be, and rounded where they meet the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntFlag
from typing import Any

import numpy as np

__all__ = ["REDUCTIONS", "Kind", "Node", "maximum", "minimum", "select"]

REDUCTIONS = {"sum": np.add.reduce, "max": np.maximum.reduce, "min": np.minimum.reduce}


class Kind(IntFlag):
    """Kind of a node. An operation on several kinds has their union: an outer product is a vector."""

    COLUMN = 0
    VALUE = 1
    UNITS = VALUE | 2
    INPUTS = VALUE | 4
    VECTOR = UNITS | INPUTS

    def covers(self, other: Kind) -> bool:
        """Whether it has a number wherever the other kind has one."""
        return self & other == other


@dataclass(frozen=True, eq=False)
class Node:
    """A leaf with a name, or an operation on nodes and numbers."""

    kind: Kind
    operation: Callable[..., Any] | None = None
    arguments: tuple[Node | float, ...] = ()
    name: str = ""
    dtype: type | None = None  # None: that of θ

    @property
    def reduces(self) -> bool:
        """Whether it is a sum, or another reduction, of a node of another kind."""
        return self.operation in REDUCTIONS.values()


# --- operations that NumPy has in another form --------------------------------------------------------


def select(condition: Any, a: Any, b: Any, out: np.ndarray) -> None:
    """`where` with an output array, which NumPy's own lacks; `out` must be none of the inputs."""
    np.copyto(out, b)
    np.copyto(out, a, where=condition)


def maximum(a: Any, b: Any, out: np.ndarray | None = None) -> Any:
    """NumPy's `maximum` with a positional `out`, which NumPy deprecates here and in `minimum`."""
    return np.maximum(a, b, out=out)


def minimum(a: Any, b: Any, out: np.ndarray | None = None) -> Any:
    """See `maximum`."""
    return np.minimum(a, b, out=out)
