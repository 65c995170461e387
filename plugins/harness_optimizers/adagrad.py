"""AdaGrad."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness import Array, Range, Scope, State, array_namespace, check_range


@dataclass(frozen=True)
class AdaGrad:
    """AdaGrad: a rate for each parameter that falls with all the gradient it has seen.

        s ← s + ∇ℒ²
        θ ← θ − η ∇ℒ / (√s + ε)

    Attributes:
        lr: Base learning rate η, in [0, inf).
        eps: Small number ε that keeps the quotient finite, in (0, inf).

    >>> import numpy as np
    >>> rule, theta = AdaGrad(lr=0.1), np.array([[1.0, -2.0]])
    >>> theta, state = rule.step(theta, 2 * theta, rule.init(theta), lr=rule.lr, t=1)
    >>> theta.round(6)
    array([[ 0.9, -1.9]])

    Source: Duchi, Hazan & Singer, Adaptive subgradient methods for online learning and stochastic
    optimization, 2011, eq. 1, which has the diagonal of G alone, without its projection; ε, which it
    lacks, keeps the quotient finite. The same numbers as `torch.optim.Adagrad`. Keras and
    `optax.adagrad` start s from 0.1 instead of 0.
    """

    lr: float = 0.01
    eps: float = 1e-10

    scope: ClassVar[Scope] = Scope.ELEMENT
    search_space: ClassVar[Mapping[str, Range]] = {
        "lr": Range(0.0001, 1, "log", "the size of a parameter's first step"),
    }

    def __post_init__(self) -> None:
        check_range(self, "lr", 0)
        check_range(self, "eps", 0, closed="neither")

    def init(self, theta: Array) -> State:
        """s: the sum of the squares of the gradient, from 0."""
        return {"s": array_namespace(theta).zeros_like(theta)}

    def step(
        self, theta: Array, gradient: Array, state: State, *, lr: Any, t: Any
    ) -> tuple[Array, State]:
        """One update; see `harness.Optimizer.step`."""
        s = state["s"] + gradient * gradient
        return theta - lr * gradient / (array_namespace(theta).sqrt(s) + self.eps), {"s": s}
