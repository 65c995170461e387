"""Clipping of the gradient by value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness import Array, Range, Scope, State, Turn, array_namespace, check_range


@dataclass(frozen=True)
class ClipValue:
    """No element of the gradient is larger than a bound.

        g ← min(max(g, −c), c)

    The direction of the gradient changes.

    Attributes:
        bound: Largest size c of an element of the gradient, in (0, inf).

    >>> import numpy as np
    >>> ClipValue(bound=1.0).step(np.array([[3.0, -0.5]]), None, {}, lr=0.1, t=1)
    (array([[ 1. , -0.5]]), {})

    Source: Mikolov, Statistical language models based on neural networks, 2012. The same numbers as
    `torch.nn.utils.clip_grad_value_`.
    """

    bound: float = 1.0

    scope: ClassVar[Scope] = Scope.ELEMENT
    turn: ClassVar[Turn] = Turn.GRADIENT
    search_space: ClassVar[Mapping[str, Range]] = {
        "bound": Range(1e-2, 100, "log", "the size of a parameter's gradient"),
    }

    def __post_init__(self) -> None:
        check_range(self, "bound", 0, closed="neither")

    def init(self, theta: Array) -> State:
        """No state."""
        return {}

    def step(
        self, gradient: Array, theta: Array, state: State, *, lr: Any, t: Any
    ) -> tuple[Array, State]:
        """The gradient within the bound; see `harness.Wrapper.step`."""
        xp = array_namespace(gradient)
        g = xp.where(gradient > self.bound, self.bound, gradient)
        return xp.where(g < -self.bound, -self.bound, g), {}
