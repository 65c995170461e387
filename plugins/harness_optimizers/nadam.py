"""NAdam."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness import Array, Range, Scope, State, array_namespace, check_range

DECAY = 0.96**0.004  # a step; β₁ − μₜ has halved after 4,200


@dataclass(frozen=True)
class NAdam:
    """Adam with Nesterov's momentum, whose share μₜ grows from β₁/2 to β₁.

        μₜ = β₁(1 − ½ 0.96^(t/250))         Πₜ = μ₁μ₂ … μₜ
        m ← β₁m + (1 − β₁)∇ℒ
        v ← β₂v + (1 − β₂)∇ℒ²               v̂ = v / (1 − β₂ᵗ)
        m̄ = μₜ₊₁ m / (1 − Πₜ₊₁) + (1 − μₜ)∇ℒ / (1 − Πₜ)
        θ ← θ − η m̄ / (√v̂ + ε)

    Attributes:
        lr: Base learning rate η, in [0, inf).
        beta1: Decay rate β₁ of the mean of gradients, in [0, 1).
        beta2: Decay rate β₂ of the mean of squared gradients, in [0, 1).
        eps: Small number ε that keeps the quotient finite, in (0, inf).

    >>> import numpy as np
    >>> rule, theta = NAdam(lr=0.1, beta1=0.0), np.array([[1.0, -2.0]])
    >>> theta, state = rule.step(theta, 2 * theta, rule.init(theta), lr=rule.lr, t=1)
    >>> theta.round(6)
    array([[ 0.9, -1.9]])

    Source: Dozat, Incorporating Nesterov momentum into Adam, 2016, with m as in Keras and
    `torch.optim.NAdam`, which gives the same numbers: it decays by β₁, not by μₜ. Πₜ is worked out from
    t, see `product`, so that it needs no state.
    """

    lr: float = 2e-3
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8

    scope: ClassVar[Scope] = Scope.ELEMENT
    search_space: ClassVar[Mapping[str, Range]] = {
        "lr": Range(2e-5, 0.2, "log", "about the size of a parameter's step"),
        "beta1": Range(0.5, 0.99, "complement", "m is a mean over 1/(1 − β₁) steps"),
        "beta2": Range(0.9, 0.9999, "complement", "v is a mean over 1/(1 − β₂) steps"),
    }

    def __post_init__(self) -> None:
        check_range(self, "lr", 0)
        check_range(self, "beta1", 0, 1, closed="left")
        check_range(self, "beta2", 0, 1, closed="left")
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
        now, next_ = (self.beta1 * (1 - 0.5 * DECAY**number) for number in (t, t + 1))
        scale = lr * (1 - self.beta2**t) ** 0.5
        of_mean = scale * next_ / (1 - product(self.beta1, t + 1))
        of_gradient = scale * (1 - now) / (1 - product(self.beta1, t))
        direction = of_mean * m + of_gradient * gradient
        eps = self.eps * (1 - self.beta2**t) ** 0.5
        return theta - direction / (xp.sqrt(v) + eps), {"m": m, "v": v}


def product(beta1: Any, t: Any) -> Any:
    """Πₜ = μ₁μ₂ … μₜ, from t alone, with an absolute error below 10⁻¹⁵.

    With q = 0.96^(1/250) = e^(−x) it is (β₁/2)ᵗ ∏ᵢ (2 − qⁱ), and log(2 − e^(−xi)) is expanded around 0
    to the fourth order, whose sums over i have closed forms. Beyond 60 steps the first factor leaves
    nothing of the product, and the second one is taken at 60.
    """
    x = -math.log(DECAY)
    n = (t + 60 - abs(t - 60)) / 2  # min(t, 60) by arithmetic alone, which symbols have
    first = n * (n + 1) / 2
    second = first * (2 * n + 1) / 3
    third = first * first
    fourth = second * (3 * n * n + 3 * n - 1) / 5
    logarithm = x * first - x**2 * second + x**3 * third - 13 / 12 * x**4 * fourth
    return (beta1 / 2) ** t * math.e**logarithm
