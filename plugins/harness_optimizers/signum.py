"""Signum."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness import Array, Range, Scope, State, array_namespace, check_range


@dataclass(frozen=True)
class Signum:
    """Signum: signSGD with momentum, steps of one length along the sign of a mean of gradients.

        m ← βm + (1 − β)∇ℒ
        θ ← θ − η sign(m)

    Attributes:
        lr: Base learning rate η, in [0, inf); every parameter moves by it at every step.
        momentum: Decay rate β of the mean of gradients, in [0, 1).

    >>> import numpy as np
    >>> rule, theta = Signum(lr=0.1), np.array([[1.0, -2.0]])
    >>> rule.step(theta, 2 * theta, rule.init(theta), lr=rule.lr, t=1)[0]
    array([[ 0.9, -1.9]])

    Source: Bernstein et al., signSGD: compressed optimisation for non-convex problems, 2018,
    Algorithm 2.
    """

    lr: float = 1e-3
    momentum: float = 0.9

    scope: ClassVar[Scope] = Scope.ELEMENT
    search_space: ClassVar[Mapping[str, Range]] = {
        "lr": Range(1e-05, 0.1, "log", "the size of a parameter's step"),
        "momentum": Range(0.5, 0.99, "complement", "m is a mean over 1/(1 − β) steps"),
    }

    def __post_init__(self) -> None:
        check_range(self, "lr", 0)
        check_range(self, "momentum", 0, 1, closed="left")

    def init(self, theta: Array) -> State:
        """m: the running mean of the gradient, from 0."""
        return {"m": array_namespace(theta).zeros_like(theta)}

    def step(
        self, theta: Array, gradient: Array, state: State, *, lr: Any, t: Any
    ) -> tuple[Array, State]:
        """One update; see `harness.Optimizer.step`."""
        m = self.momentum * state["m"] + (1 - self.momentum) * gradient
        return theta - lr * array_namespace(theta).sign(m), {"m": m}
