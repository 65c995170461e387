"""Yogi."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness import Array, Range, Scope, State, array_namespace, check_range


@dataclass(frozen=True)
class Yogi:
    """Yogi: Adam whose v moves by at most a share of ∇ℒ², however large v is.

        m ← β₁m + (1 − β₁)∇ℒ
        v ← v − (1 − β₂) sign(v − ∇ℒ²) ∇ℒ²
        θ ← θ − η m / (√v + ε)

    Attributes:
        lr: Base learning rate η, in [0, inf).
        beta1: Decay rate β₁ of the mean of gradients, in [0, 1).
        beta2: Rate at which v follows squared gradients: it moves by (1 − β₂)∇ℒ² a step, in [0, 1).
        eps: Small number ε that keeps the quotient finite, in (0, inf); the paper finds that a
            larger one than Adam's helps.

    >>> import numpy as np
    >>> rule, theta = Yogi(lr=0.1, beta1=0.5, beta2=0.75, eps=1e-9), np.array([[1.0, -2.0]])
    >>> theta, state = rule.step(theta, 2 * theta, rule.init(theta), lr=rule.lr, t=1)
    >>> theta.round(6)
    array([[ 0.9, -1.9]])

    Source: Zaheer et al., Adaptive methods for nonconvex optimization, 2018, Algorithm 2, with the η
    and ε of its experiments. Like the paper, it starts from 0 and does not correct for it; `optax.yogi`
    starts m and v from 10⁻⁶, and corrects both as Adam does.
    """

    lr: float = 0.01
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-3

    scope: ClassVar[Scope] = Scope.ELEMENT
    search_space: ClassVar[Mapping[str, Range]] = {
        "lr": Range(0.0001, 1, "log", "about the size of a parameter's step"),
        "beta1": Range(0.5, 0.99, "complement", "m is a mean over 1/(1 − β₁) steps"),
        "beta2": Range(0.9, 0.9999, "complement", "v moves by (1 − β₂)∇ℒ² a step"),
        "eps": Range(1e-5, 0.1, "log", "in units of the gradient"),
    }

    def __post_init__(self) -> None:
        check_range(self, "lr", 0)
        check_range(self, "beta1", 0, 1, closed="left")
        check_range(self, "beta2", 0, 1, closed="left")
        check_range(self, "eps", 0, closed="neither")

    def init(self, theta: Array) -> State:
        """m: the running mean of the gradient. v: a measure of its square. Both from 0."""
        xp = array_namespace(theta)
        return {"m": xp.zeros_like(theta), "v": xp.zeros_like(theta)}

    def step(
        self, theta: Array, gradient: Array, state: State, *, lr: Any, t: Any
    ) -> tuple[Array, State]:
        """One update; see `harness.Optimizer.step`."""
        xp = array_namespace(theta)
        square = gradient * gradient
        m = self.beta1 * state["m"] + (1 - self.beta1) * gradient
        v = state["v"] - (1 - self.beta2) * xp.sign(state["v"] - square) * square
        return theta - lr * m / (xp.sqrt(v) + self.eps), {"m": m, "v": v}
