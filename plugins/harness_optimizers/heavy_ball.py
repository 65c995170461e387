"""Momentum as a heavy ball."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness import Array, Range, Scope, State, array_namespace, check_range


@dataclass(frozen=True)
class HeavyBall:
    """Momentum, heavy-ball form: the velocity sums up gradients.

        v ← μv + ∇ℒ        θ ← θ − ηv

    Under a steady gradient the velocity grows to 1/(1 − μ) gradients: at μ = 0.9 a rate of 0.01
    moves θ as far as plain descent with 0.1.

    Attributes:
        lr: Base learning rate η, in [0, inf).
        momentum: Decay rate μ of the velocity, in [0, 1).

    >>> import numpy as np
    >>> rule, theta = HeavyBall(lr=0.1, momentum=0.5), np.array([[1.0, -2.0]])
    >>> theta, state = rule.step(theta, 2 * theta, rule.init(theta), lr=rule.lr, t=1)
    >>> theta
    array([[ 0.8, -1.6]])
    >>> rule.step(theta, 2 * theta, state, lr=rule.lr, t=2)[0]
    array([[ 0.54, -1.08]])

    Source: Polyak, Some methods of speeding up the convergence of iteration methods, 1964:
    θₜ₊₁ = θₜ − η∇ℒ + μ(θₜ − θₜ₋₁). At a constant rate this is the same. With a rate that changes, a
    new η here rescales the whole velocity at once, as in `torch.optim.SGD(momentum=μ)`, which gives
    the same numbers; in Polyak's form past moves keep the rate they were made with.
    """

    lr: float = 0.01
    momentum: float = 0.9

    scope: ClassVar[Scope] = Scope.ELEMENT
    search_space: ClassVar[Mapping[str, Range]] = {
        "lr": Range(1e-4, 1, "log", "a step is η times the gradient"),
        "momentum": Range(0.5, 0.99, "complement", "1/(1 − μ) gradients add up"),
    }

    def __post_init__(self) -> None:
        check_range(self, "lr", 0)
        check_range(self, "momentum", 0, 1, closed="left")

    def init(self, theta: Array) -> State:
        """velocity: v, from 0."""
        return {"velocity": array_namespace(theta).zeros_like(theta)}

    def step(
        self, theta: Array, gradient: Array, state: State, *, lr: Any, t: Any
    ) -> tuple[Array, State]:
        """One update; see `harness.Optimizer.step`."""
        v = self.momentum * state["velocity"] + gradient
        return theta - lr * v, {"velocity": v}
