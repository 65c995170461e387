"""Clipping of the gradient by its norm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness import Array, Range, Scope, State, Turn, array_namespace, check_range


@dataclass(frozen=True)
class ClipNorm:
    """The gradient is no longer than a bound: a longer one is scaled down.

        g ← min(1, c / ‖g‖) g

    A gradient of zeros stays zero; one whose norm overflows becomes zero, or NaN where it is itself
    infinite.

    Attributes:
        bound: Largest norm c of all parameters' gradients together, in (0, inf).

    >>> import numpy as np
    >>> ClipNorm(bound=1.0).step(np.array([[3.0, -4.0]]), None, {}, lr=0.1, t=1)
    (array([[ 0.6, -0.8]]), {})

    Source: Pascanu, Mikolov & Bengio, On the difficulty of training recurrent neural networks, 2013,
    Algorithm 1. `torch.nn.utils.clip_grad_norm_` divides by ‖g‖ + 1e-6 instead, and so ends a little
    below the bound.
    """

    bound: float = 1.0

    scope: ClassVar[Scope] = Scope.VECTOR
    turn: ClassVar[Turn] = Turn.GRADIENT
    search_space: ClassVar[Mapping[str, Range]] = {
        "bound": Range(1e-2, 100, "log", "the length of the gradient"),
    }

    def __post_init__(self) -> None:
        check_range(self, "bound", 0, closed="neither")

    def init(self, theta: Array) -> State:
        """No state."""
        return {}

    def step(
        self, gradient: Array, theta: Array, state: State, *, lr: Any, t: Any
    ) -> tuple[Array, State]:
        """The gradient, scaled; see `harness.Wrapper.step`."""
        xp = array_namespace(gradient)
        norm = xp.sqrt(xp.sum(gradient * gradient, axis=-1, keepdims=True))
        return gradient / xp.clip(norm / self.bound, 1.0, None), {}
