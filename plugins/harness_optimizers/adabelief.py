"""AdaBelief."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness import Array, Range, Scope, State, array_namespace, check_range


@dataclass(frozen=True)
class AdaBelief:
    """AdaBelief: Adam that divides by the distance of gradients from their running mean m.

        m ← β₁m + (1 − β₁)∇ℒ                m̂ = m / (1 − β₁ᵗ)
        s ← β₂s + (1 − β₂)(∇ℒ − m)² + ε     ŝ = s / (1 − β₂ᵗ)
        θ ← θ − η m̂ / (√ŝ + ε)

    Attributes:
        lr: Base learning rate η, in [0, inf).
        beta1: Decay rate β₁ of the mean of gradients, in [0, 1).
        beta2: Decay rate β₂ of the mean of squared distances from m, in [0, 1).
        eps: Small number ε that keeps the quotient finite, in (0, inf); it is added to a square and
            at every step, so that it has to be much smaller than Adam's.

    >>> import numpy as np
    >>> rule, theta = AdaBelief(lr=0.1, beta1=0.5), np.array([[1.0, -2.0]])
    >>> theta, state = rule.step(theta, 2 * theta, rule.init(theta), lr=rule.lr, t=1)
    >>> theta.round(6)
    array([[ 0.8, -1.8]])

    Source: Zhuang et al., AdaBelief optimizer: adapting stepsizes by the belief in observed
    gradients, 2020, with the ε of the authors' package, `adabelief_pytorch`, and of
    `optax.adabelief`. That package also rectifies the rate as RAdam does; the paper, and this, do
    not.
    """

    lr: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-16

    scope: ClassVar[Scope] = Scope.ELEMENT
    search_space: ClassVar[Mapping[str, Range]] = {
        "lr": Range(1e-05, 0.1, "log", "about the size of a parameter's step"),
        "beta1": Range(0.5, 0.99, "complement", "m is a mean over 1/(1 − β₁) steps"),
        "beta2": Range(0.9, 0.9999, "complement", "s is a mean over 1/(1 − β₂) steps"),
        "eps": Range(1e-18, 1e-8, "log", "in units of a squared gradient"),
    }

    def __post_init__(self) -> None:
        check_range(self, "lr", 0)
        check_range(self, "beta1", 0, 1, closed="left")
        check_range(self, "beta2", 0, 1, closed="left")
        check_range(self, "eps", 0, closed="neither")

    def init(self, theta: Array) -> State:
        """m, s: the running means of the gradient and of its squared distance from m, from 0."""
        xp = array_namespace(theta)
        return {"m": xp.zeros_like(theta), "s": xp.zeros_like(theta)}

    def step(
        self, theta: Array, gradient: Array, state: State, *, lr: Any, t: Any
    ) -> tuple[Array, State]:
        """One update; see `harness.Optimizer.step`."""
        xp = array_namespace(theta)
        m = self.beta1 * state["m"] + (1 - self.beta1) * gradient
        surprise = gradient - m
        s = self.beta2 * state["s"] + (1 - self.beta2) * (surprise * surprise) + self.eps
        scale = (1 - self.beta2**t) ** 0.5
        rate = lr * scale / (1 - self.beta1**t)
        return theta - rate * m / (xp.sqrt(s) + self.eps * scale), {"m": m, "s": s}
