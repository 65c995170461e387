"""AdaMax."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness import Array, Range, Scope, State, array_namespace, check_range


@dataclass(frozen=True)
class AdaMax:
    """AdaMax: Adam with the largest recent gradient instead of a root mean square.

        m ← β₁m + (1 − β₁)∇ℒ                m̂ = m / (1 − β₁ᵗ)
        u ← max(β₂u, |∇ℒ| + ε)
        θ ← θ − η m̂ / u

    Attributes:
        lr: Base learning rate η, in [0, inf).
        beta1: Decay rate β₁ of the mean of gradients, in [0, 1).
        beta2: Decay rate β₂ of the largest recent gradient, in [0, 1).
        eps: Small number ε that keeps the quotient finite, in (0, inf).

    >>> import numpy as np
    >>> rule, theta = AdaMax(lr=0.1), np.array([[1.0, -2.0]])
    >>> theta, state = rule.step(theta, 2 * theta, rule.init(theta), lr=rule.lr, t=1)
    >>> theta.round(6)
    array([[ 0.9, -1.9]])

    Source: Kingma & Ba, Adam: a method for stochastic optimization, 2015, Algorithm 2. It has no ε;
    where `torch.optim.Adamax`, with the same numbers, has it, a parameter without a gradient stays.
    """

    lr: float = 2e-3
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8

    scope: ClassVar[Scope] = Scope.ELEMENT
    search_space: ClassVar[Mapping[str, Range]] = {
        "lr": Range(2e-05, 0.2, "log", "about the size of a parameter's step"),
        "beta1": Range(0.5, 0.99, "complement", "m is a mean over 1/(1 − β₁) steps"),
        "beta2": Range(0.9, 0.9999, "complement", "u forgets within 1/(1 − β₂) steps"),
    }

    def __post_init__(self) -> None:
        check_range(self, "lr", 0)
        check_range(self, "beta1", 0, 1, closed="left")
        check_range(self, "beta2", 0, 1, closed="left")
        check_range(self, "eps", 0, closed="neither")

    def init(self, theta: Array) -> State:
        """m: the running mean of the gradient. u: the largest recent one. Both from 0."""
        xp = array_namespace(theta)
        return {"m": xp.zeros_like(theta), "u": xp.zeros_like(theta)}

    def step(
        self, theta: Array, gradient: Array, state: State, *, lr: Any, t: Any
    ) -> tuple[Array, State]:
        """One update; see `harness.Optimizer.step`."""
        xp = array_namespace(theta)
        m = self.beta1 * state["m"] + (1 - self.beta1) * gradient
        u = xp.maximum(self.beta2 * state["u"], xp.abs(gradient) + self.eps)
        return theta - lr / (1 - self.beta1**t) * m / u, {"m": m, "u": u}
