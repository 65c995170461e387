"""Schedule-free AdamW."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness import Array, Range, Scope, State, array_namespace, check_range


@dataclass(frozen=True)
class ScheduleFreeAdamW:
    """AdamW without m: it takes gradients between its point and a mean of points; the mean is judged.

        y = (1 − β₁)z + β₁x                 where gradients are taken; this is θ
        v ← β₂v + (1 − β₂)∇ℒ(y)²
        γ = η√(1 − β₂ᵗ)
        z ← z − γ(∇ℒ(y) / (√v + ε) + λy)
        x ← x + c(z − x)                    c = γₜ² / (γ₁² + … + γₜ²); x is evaluated

    Attributes:
        lr: Base learning rate η, in [0, inf); best without a schedule.
        beta1: Weight β₁ of x in the point y where gradients are taken, in (0, 1).
        beta2: Decay rate β₂ of the mean of squared gradients, in [0, 1).
        eps: Small number ε that keeps the quotient finite, in (0, inf).
        weight_decay: Decoupled weight decay λ, in [0, inf); acts on all of θ, biases included.

    >>> import numpy as np
    >>> rule, theta = ScheduleFreeAdamW(lr=0.1, beta1=0.5), np.array([[1.0, -2.0]])
    >>> theta, state = rule.step(theta, 2 * theta, rule.init(theta), lr=rule.lr, t=1)
    >>> theta.round(4), state["z"].round(4), rule.evaluated(theta, state).round(4)
    (array([[ 0.9, -1.9]]), array([[ 0.9, -1.9]]), array([[ 0.9, -1.9]]))

    Source: Defazio et al., The road less scheduled, 2024, Algorithm 1. Its weights c follow η, too; at
    a constant η they depend on t alone, as they do here under any schedule: under a warm-up the first
    steps count as much as the others. The authors' code has since moved √(1 − β₂ᵗ) from γ into the
    quotient, where it touches neither c nor λ. θ and the training terms are at y; validation, the best
    parameters and the test are at x.
    """

    lr: float = 2.5e-3
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.0

    scope: ClassVar[Scope] = Scope.ELEMENT
    search_space: ClassVar[Mapping[str, Range]] = {
        "lr": Range(2.5e-5, 0.25, "log", "about the size of a parameter's step"),
        "beta1": Range(0.5, 0.99, "complement", "gradients are 1 − β₁ of the way from x to z"),
        "beta2": Range(0.9, 0.9999, "complement", "v is a mean over 1/(1 − β₂) steps"),
    }

    def __post_init__(self) -> None:
        check_range(self, "lr", 0)
        check_range(self, "beta1", 0, 1, closed="neither")
        check_range(self, "beta2", 0, 1, closed="left")
        check_range(self, "eps", 0, closed="neither")
        check_range(self, "weight_decay", 0)

    def init(self, theta: Array) -> State:
        """z, from θ. v: the running mean of the square of the gradient, from 0."""
        return {"z": theta, "v": array_namespace(theta).zeros_like(theta)}

    def step(
        self, theta: Array, gradient: Array, state: State, *, lr: Any, t: Any
    ) -> tuple[Array, State]:
        """One update; see `harness.Optimizer.step`."""
        xp = array_namespace(theta)
        beta1, left = self.beta1, 1 - self.beta2**t
        # The sum of 1 − β₂ⁱ over i from 1 to t, in closed form
        c = left / (t - self.beta2 * left / (1 - self.beta2))
        before = theta - (1 - beta1) * state["z"]  # β₁x
        v = self.beta2 * state["v"] + (1 - self.beta2) * (gradient * gradient)
        gamma = lr * left**0.5
        slope = gradient / (xp.sqrt(v) + self.eps) + self.weight_decay * theta
        z = state["z"] - gamma * slope
        return (1 - c) * before + (1 - beta1 + beta1 * c) * z, {"z": z, "v": v}

    def evaluated(self, theta: Array, state: State) -> Array:
        """x, from y and z."""
        return (theta - (1 - self.beta1) * state["z"]) / self.beta1
