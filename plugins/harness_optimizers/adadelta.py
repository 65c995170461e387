"""AdaDelta."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness import Array, Range, Scope, State, array_namespace, check_range


@dataclass(frozen=True)
class AdaDelta:
    """AdaDelta: steps in the units of θ, from running means of squared gradients and squared steps.

        v ← ρv + (1 − ρ)∇ℒ²
        Δ = √(u + ε) / √(v + ε) ∇ℒ
        u ← ρu + (1 − ρ)Δ²
        θ ← θ − ηΔ

    Attributes:
        lr: Base learning rate η, in [0, inf); the paper has none, which means 1.
        decay: Decay rate ρ of the means of squared gradients and of squared steps, in [0, 1).
        eps: Small number ε that starts the steps, in (0, inf); the first ones have the size √ε.

    >>> import numpy as np
    >>> rule, theta = AdaDelta(decay=0.75, eps=1e-4), np.array([[1.0, -2.0]])
    >>> theta, state = rule.step(theta, 2 * theta, rule.init(theta), lr=rule.lr, t=1)
    >>> theta.round(4)
    array([[ 0.98, -1.98]])

    Source: Zeiler, ADADELTA: an adaptive learning rate method, 2012, Algorithm 1, with its ρ and ε.
    The same numbers as `torch.optim.Adadelta`, whose default for ρ is 0.9.
    """

    lr: float = 1.0
    decay: float = 0.95
    eps: float = 1e-6

    scope: ClassVar[Scope] = Scope.ELEMENT
    search_space: ClassVar[Mapping[str, Range]] = {
        "lr": Range(0.01, 100, "log", "a factor: the step has the unit of θ by itself"),
        "decay": Range(0.9, 0.999, "complement", "u, v are means over 1/(1 − ρ) steps"),
        "eps": Range(1e-8, 1e-4, "log", "a square: the first steps are of the size √ε"),
    }

    def __post_init__(self) -> None:
        check_range(self, "lr", 0)
        check_range(self, "decay", 0, 1, closed="left")
        check_range(self, "eps", 0, closed="neither")

    def init(self, theta: Array) -> State:
        """v, u: the running means of the squares of the gradient and of the step, from 0."""
        xp = array_namespace(theta)
        return {"v": xp.zeros_like(theta), "u": xp.zeros_like(theta)}

    def step(
        self, theta: Array, gradient: Array, state: State, *, lr: Any, t: Any
    ) -> tuple[Array, State]:
        """One update; see `harness.Optimizer.step`."""
        xp = array_namespace(theta)
        v = self.decay * state["v"] + (1 - self.decay) * (gradient * gradient)
        delta = xp.sqrt(state["u"] + self.eps) / xp.sqrt(v + self.eps) * gradient
        u = self.decay * state["u"] + (1 - self.decay) * (delta * delta)
        return theta - lr * delta, {"v": v, "u": u}
