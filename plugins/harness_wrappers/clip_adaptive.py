"""Adaptive clipping of the gradient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness import Array, Layer, Range, Scope, State, Turn, array_namespace, check_range


@dataclass(frozen=True)
class ClipAdaptive:
    """The gradient of a unit is no longer than a share of its weights.

        gᵢ ← min(1, λ max(‖θᵢ‖, ε) / ‖gᵢ‖) gᵢ

    i is a row of a weight matrix, the weights that lead to one unit, or all biases of a layer. The
    output layer is left as it is, as the authors advise.

    Attributes:
        share: Largest length λ of a unit's gradient as a share of its weights', in (0, inf).
        eps: Lower bound ε on the length of weights, in (0, inf); without it weights of zero
            never move.

    >>> import numpy as np
    >>> wrapper, weights = ClipAdaptive(share=0.1), np.array([[[3.0, 4.0], [0.6, 0.8]]])
    >>> wrapper.step(np.array([[[0.3, 0.4], [0.3, 0.4]]]), weights, {}, lr=0.1, t=1)[0]
    array([[[0.3 , 0.4 ],
            [0.06, 0.08]]])

    Source: Brock, De, Smith & Simonyan, High-performance large-scale image recognition without
    normalization, 2021, section 4.
    """

    share: float = 0.01
    eps: float = 1e-3

    scope: ClassVar[Scope] = Scope.TENSOR
    turn: ClassVar[Turn] = Turn.GRADIENT
    search_space: ClassVar[Mapping[str, Range]] = {
        "share": Range(1e-4, 1, "log", "the length of a gradient as a share of the weights'"),
    }

    def __post_init__(self) -> None:
        check_range(self, "share", 0, closed="neither")
        check_range(self, "eps", 0, closed="neither")

    def for_parameter(self, layer: Layer, shape: tuple[int, ...]) -> Any:
        """This wrapper; `Unclipped` for the output layer."""
        return self if layer.index < layer.depth - 1 else Unclipped()

    def init(self, theta: Array) -> State:
        """No state."""
        return {}

    def step(
        self, gradient: Array, theta: Array, state: State, *, lr: Any, t: Any
    ) -> tuple[Array, State]:
        """The gradient, each unit's scaled; see `harness.Wrapper.step`.

        θ is a matrix, (rows, fan_out, fan_in), or a bias, (rows, fan_out).
        """
        xp = array_namespace(theta)
        length = xp.sqrt(xp.sum(theta * theta, axis=-1, keepdims=True))
        norm = xp.sqrt(xp.sum(gradient * gradient, axis=-1, keepdims=True))
        limit = self.share * xp.where(length > self.eps, length, 0 * length + self.eps)
        return gradient * xp.where(norm > limit, limit / (norm + (norm <= 0)), 0 * norm + 1), {}


@dataclass(frozen=True)
class Unclipped:
    """Leaves the gradient as it is."""

    def init(self, theta: Array) -> State:
        """No state."""
        return {}

    def step(
        self, gradient: Array, theta: Array, state: State, *, lr: Any, t: Any
    ) -> tuple[Array, State]:
        """No change."""
        return gradient, {}
