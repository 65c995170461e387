"""Gradient descent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness import Array, Range, Scope, State, check_range


@dataclass(frozen=True)
class Sgd:
    """Stochastic gradient descent: a step against the gradient.

        θ ← θ − η∇ℒ

    Attributes:
        lr: Base learning rate η, in [0, inf).

    >>> import numpy as np
    >>> rule, theta = Sgd(lr=0.1), np.array([[1.0, -2.0]])
    >>> rule.step(theta, 2 * theta, rule.init(theta), lr=rule.lr, t=1)
    (array([[ 0.8, -1.6]]), {})

    Source: Robbins & Monro, A stochastic approximation method, 1951. The same numbers as
    `torch.optim.SGD` without momentum.
    """

    lr: float = 0.1

    scope: ClassVar[Scope] = Scope.ELEMENT
    search_space: ClassVar[Mapping[str, Range]] = {
        "lr": Range(1e-3, 10, "log", "a step is η times the gradient")
    }

    def __post_init__(self) -> None:
        check_range(self, "lr", 0)

    def init(self, theta: Array) -> State:
        """No state."""
        return {}

    def step(
        self, theta: Array, gradient: Array, state: State, *, lr: Any, t: Any
    ) -> tuple[Array, State]:
        """One update; see `harness.Optimizer.step`."""
        return theta - lr * gradient, {}
