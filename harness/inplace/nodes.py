"""What an update rule computes, as nodes: a leaf, or an operation on other nodes.

Nodes are of three kinds:

- a *vector* is as long as the part of θ that the rule sees;
- a *value* is one number a run that came out of a vector, such as a norm, in the precision of θ;
- a *column* is one number a run that came out of none: hyperparameters, the rate, the step number, and
  what is computed from those alone. Columns are worked out in double precision, as a rule with plain
  Python floats would be, and rounded where they meet the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np

__all__ = ["REDUCTIONS", "Kind", "Node", "maximum", "minimum", "select"]

REDUCTIONS = {"sum": np.add.reduce, "max": np.maximum.reduce, "min": np.minimum.reduce}


class Kind(IntEnum):
    """Of a node. What comes of several kinds is of the largest one."""

    COLUMN = 0
    VALUE = 1
    VECTOR = 2


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
        """Whether it takes a vector to a value."""
        return self.operation in REDUCTIONS.values()


# --- operations that NumPy has in another form --------------------------------------------------------


def select(condition: Any, a: Any, b: Any, out: np.ndarray) -> None:
    """`where` with an output array, which NumPy's own lacks; `out` must be none of the inputs."""
    np.copyto(out, b)
    np.copyto(out, a, where=condition)


def maximum(a: Any, b: Any, out: np.ndarray | None = None) -> Any:
    """NumPy's own, which with `minimum` no longer takes `out` by its place."""
    return np.maximum(a, b, out=out)


def minimum(a: Any, b: Any, out: np.ndarray | None = None) -> Any:
    """See `maximum`."""
    return np.minimum(a, b, out=out)
