"""signSGD."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness import Array, Range, Scope, State, array_namespace, check_range


@dataclass(frozen=True)
class SignSgd:
    """signSGD: steps of one length along the sign of the gradient.

        θ ← θ − η sign(∇ℒ)

    Attributes:
        lr: Base learning rate η, in [0, inf); every parameter with a gradient moves by it at every
            step.

    >>> import numpy as np
    >>> rule, theta = SignSgd(lr=0.1), np.array([[1.0, -2.0]])
    >>> rule.step(theta, 2 * theta, rule.init(theta), lr=rule.lr, t=1)
    (array([[ 0.9, -1.9]]), {})

    Source: Bernstein et al., signSGD: compressed optimisation for non-convex problems, 2018,
    Algorithm 1. With momentum: `Signum`.
    """

    lr: float = 1e-3

    scope: ClassVar[Scope] = Scope.ELEMENT
    search_space: ClassVar[Mapping[str, Range]] = {
        "lr": Range(1e-05, 0.1, "log", "the size of a parameter's step"),
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
        return theta - lr * array_namespace(theta).sign(gradient), {}
