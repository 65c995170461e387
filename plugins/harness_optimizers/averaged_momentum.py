"""Momentum as a running average of gradients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness import Array, Range, Scope, State, array_namespace, check_range


@dataclass(frozen=True)
class AveragedMomentum:
    """Momentum, averaged form: the velocity is a running mean of descent directions.

        v ← αv − (1 − α)∇ℒ        θ ← θ + ηv

    The velocity has the size of a gradient, so a rate that suits plain descent suits every α.

    Attributes:
        lr: Base learning rate η, in [0, inf).
        momentum: Decay rate α of the velocity, in [0, 1).

    >>> import numpy as np
    >>> rule, theta = AveragedMomentum(lr=0.1, momentum=0.5), np.array([[1.0, -2.0]])
    >>> rule.step(theta, 2 * theta, rule.init(theta), lr=rule.lr, t=1)[0]
    array([[ 0.9, -1.8]])

    Source: the heavy ball (Polyak, Some methods of speeding up the convergence of iteration methods,
    1964) at the rate (1 − α)η. `torch.optim.SGD(lr=(1 − α)η, momentum=α)` gives the same numbers.
    `torch.optim.SGD(lr=η, momentum=α, dampening=α)` does not: it starts from the whole first gradient,
    v = ∇ℒ, where this average starts from v = 0 and therefore takes short first steps.
    """

    lr: float = 0.1
    momentum: float = 0.9

    scope: ClassVar[Scope] = Scope.ELEMENT
    search_space: ClassVar[Mapping[str, Range]] = {
        "lr": Range(1e-3, 10, "log", "a step is η times the gradient"),
        "momentum": Range(0.5, 0.99, "complement", "the mean is over 1/(1 − α) steps"),
    }

    def __post_init__(self) -> None:
        check_range(self, "lr", 0)
        check_range(self, "momentum", 0, 1, closed="left")

    def init(self, theta: Array) -> State:
        """velocity: v, from 0."""
        return {"velocity": array_namespace(theta).zeros_like(theta)}

    def step(
        self, theta: Array, gradient: Array, state: State, *, lr: Any, t: Any
    ) -> tuple[Array, State]:
        """One update; see `harness.Optimizer.step`."""
        v = self.momentum * state["velocity"] - (1 - self.momentum) * gradient
        return theta + lr * v, {"velocity": v}
