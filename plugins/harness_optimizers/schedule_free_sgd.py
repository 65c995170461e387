"""Schedule-free gradient descent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness import Array, Range, Scope, State, check_range


@dataclass(frozen=True)
class ScheduleFreeSgd:
    """Gradient descent that takes gradients between its point and a mean of points; the mean is judged.

        y = (1 − β)z + βx                   where gradients are taken; this is θ
        z ← z − η∇ℒ(y)                      gradient descent
        x ← x + (z − x)/t                   the mean of z, which is evaluated

    Attributes:
        lr: Base learning rate η, in [0, inf); best without a schedule and larger than that of plain
            descent.
        momentum: Weight β of x in the point y where gradients are taken, in (0, 1).

    >>> import numpy as np
    >>> rule, theta = ScheduleFreeSgd(lr=0.1, momentum=0.5), np.array([[1.0, -2.0]])
    >>> theta, state = rule.step(theta, 2 * theta, rule.init(theta), lr=rule.lr, t=1)
    >>> theta, state = rule.step(theta, 2 * theta, state, lr=rule.lr, t=2)
    >>> theta.round(6), state["z"].round(6), rule.evaluated(theta, state).round(6)
    (array([[ 0.68, -1.36]]), array([[ 0.64, -1.28]]), array([[ 0.72, -1.44]]))

    Source: Defazio et al., The road less scheduled, 2024, eq. 3 to 5, with the mean of their code and
    of Algorithm 1, which leaves out where z began. These weigh z by η², which is even at a constant
    rate; here it always is, so that under a warm-up the first steps count as much as the others. θ and
    the training terms are at y; validation, the best parameters and the test are at x.
    """

    lr: float = 1.0
    momentum: float = 0.9

    scope: ClassVar[Scope] = Scope.ELEMENT
    search_space: ClassVar[Mapping[str, Range]] = {
        "lr": Range(1e-2, 100, "log", "a step is η times the gradient"),
        "momentum": Range(0.5, 0.99, "complement", "gradients are 1 − β of the way from x to z"),
    }

    def __post_init__(self) -> None:
        check_range(self, "lr", 0)
        check_range(self, "momentum", 0, 1, closed="neither")

    def init(self, theta: Array) -> State:
        """z, from θ."""
        return {"z": theta}

    def step(
        self, theta: Array, gradient: Array, state: State, *, lr: Any, t: Any
    ) -> tuple[Array, State]:
        """One update; see `harness.Optimizer.step`."""
        beta, c = self.momentum, 1 / t
        before = theta - (1 - beta) * state["z"]  # βx
        z = state["z"] - lr * gradient
        return (1 - c) * before + (1 - beta + beta * c) * z, {"z": z}

    def evaluated(self, theta: Array, state: State) -> Array:
        """x, from y and z."""
        return (theta - (1 - self.momentum) * state["z"]) / self.momentum
