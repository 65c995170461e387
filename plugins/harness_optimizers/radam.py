"""RAdam."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness import Array, Range, Scope, State, array_namespace, check_range


@dataclass(frozen=True)
class RAdam:
    """Rectified Adam: it starts as momentum, and divides by √v once the variance of v is bounded.

        m ← β₁m + (1 − β₁)∇ℒ                m̂ = m / (1 − β₁ᵗ)
        v ← β₂v + (1 − β₂)∇ℒ²               l = √(1 − β₂ᵗ) / (√v + ε)
        ρ∞ = 2/(1 − β₂) − 1                 ρ = ρ∞ − 2tβ₂ᵗ / (1 − β₂ᵗ)
        r = √((ρ − 4)(ρ − 2)ρ∞ / ((ρ∞ − 4)(ρ∞ − 2)ρ))
        θ ← θ − η r l m̂  where ρ > 4,  θ − η m̂  else

    The first steps, four with the defaults, are not divided by anything: they have the size of a
    gradient.

    Attributes:
        lr: Base learning rate η, in [0, inf).
        beta1: Decay rate β₁ of the mean of gradients, in [0, 1).
        beta2: Decay rate β₂ of the mean of squared gradients, in (0.6, 1); up to 0.6 ρ never
            exceeds 4.
        eps: Small number ε that keeps the quotient finite, in (0, inf).

    >>> import numpy as np
    >>> rule, theta = RAdam(lr=0.1), np.array([[1.0, -2.0]])
    >>> theta, state = rule.step(theta, 2 * theta, rule.init(theta), lr=rule.lr, t=1)
    >>> theta.round(6)
    array([[ 0.8, -1.6]])

    Source: Liu et al., On the variance of the adaptive learning rate and beyond, 2020, Algorithm 2,
    which has no ε. Their code and `torch.optim.RAdam` ask for ρ > 5 instead, and are the same at all
    other steps.
    """

    lr: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8

    scope: ClassVar[Scope] = Scope.ELEMENT
    search_space: ClassVar[Mapping[str, Range]] = {
        "lr": Range(1e-5, 0.1, "log", "about the size of a parameter's step"),
        "beta1": Range(0.5, 0.99, "complement", "m is a mean over 1/(1 − β₁) steps"),
        "beta2": Range(0.9, 0.9999, "complement", "v is a mean over 1/(1 − β₂) steps"),
    }

    def __post_init__(self) -> None:
        check_range(self, "lr", 0)
        check_range(self, "beta1", 0, 1, closed="left")
        check_range(self, "beta2", 0.6, 1, closed="neither")
        check_range(self, "eps", 0, closed="neither")

    def init(self, theta: Array) -> State:
        """m, v: the running means of the gradient and of its square, from 0."""
        xp = array_namespace(theta)
        return {"m": xp.zeros_like(theta), "v": xp.zeros_like(theta)}

    def step(
        self, theta: Array, gradient: Array, state: State, *, lr: Any, t: Any
    ) -> tuple[Array, State]:
        """One update; see `harness.Optimizer.step`."""
        xp = array_namespace(theta)
        m = self.beta1 * state["m"] + (1 - self.beta1) * gradient
        v = self.beta2 * state["v"] + (1 - self.beta2) * (gradient * gradient)
        limit = 2 / (1 - self.beta2) - 1
        power = self.beta2**t
        rho = limit - 2 * t * power / (1 - power)
        one = 0 * rho + 1  # bool * 1.0 would be float64; this keeps the dtype of ρ
        rectified = (rho > 4) * one
        # Below ρ = 4 the root is not used; `abs` keeps it from being NaN
        square = (rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho)
        scale = (1 - power) ** 0.5
        adaptive = rectified * abs(square) ** 0.5 * scale / (xp.sqrt(v) + self.eps)
        rate = lr / (1 - self.beta1**t)
        return theta - rate * (adaptive + (rho <= 4) * one) * m, {"m": m, "v": v}
