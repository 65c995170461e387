"""Sharpness-aware minimization."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness import Array, Batch, Range, Scope, State, Turn, array_namespace, check_range


@dataclass(frozen=True)
class Sam:
    """Sharpness-aware minimization: the gradient from where the loss nearby is highest.

        ε = ρ ∇ℒ(θ) / ‖∇ℒ(θ)‖
        g = ∇ℒ(θ + ε)

    The rule steps with g. It is of the same samples, so a step takes two gradients, about twice the
    time.

    Attributes:
        rho: Distance ρ at which the gradient is taken, in [0, inf).

    >>> import numpy as np
    >>> class Quadratic:  # ½‖θ‖²
    ...     def gradient(self, theta, where=None):
    ...         return theta
    >>> theta, wrapper = np.array([[3.0, -4.0]]), Sam(rho=0.5)
    >>> wrapper.step(theta, theta, {}, lr=0.1, t=1, batch=Quadratic())
    (array([[ 3.3, -4.4]]), {})

    Source: Foret et al., Sharpness-aware minimization for efficiently improving generalization, 2021,
    Algorithm 1 with p = 2. They leave the term with the second derivative out, as this does.
    """

    rho: float = 0.05

    scope: ClassVar[Scope] = Scope.OBJECTIVE
    turn: ClassVar[Turn] = Turn.GRADIENT
    search_space: ClassVar[Mapping[str, Range]] = {
        "rho": Range(5e-3, 0.5, "log", "a length in the space of θ"),
    }

    def __post_init__(self) -> None:
        check_range(self, "rho", 0)

    def init(self, theta: Array) -> State:
        """No state."""
        return {}

    def step(
        self, gradient: Array, theta: Array, state: State, *, lr: Any, t: Any, batch: Batch
    ) -> tuple[Array, State]:
        """The gradient at θ + ε; see `harness.Wrapper.step`."""
        xp = array_namespace(theta)
        norm = xp.sqrt(xp.sum(gradient * gradient, axis=-1, keepdims=True))
        # Without a gradient there is no direction: 0 / 1
        away = self.rho * gradient / (norm + (norm <= 0))
        return batch.gradient(theta + away), {}
