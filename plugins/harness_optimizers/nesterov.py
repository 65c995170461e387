"""Nesterov's accelerated gradient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness import Array, Range, Scope, State, array_namespace, check_range


@dataclass(frozen=True)
class Nesterov:
    """Momentum, Nesterov's form: the gradient is taken where the velocity is about to lead.

        v ← μv + ∇ℒ        θ ← θ − η(∇ℒ + μv)

    Attributes:
        lr: Base learning rate η, in [0, inf).
        momentum: Decay rate μ of the velocity, in [0, 1).

    >>> import numpy as np
    >>> rule, theta = Nesterov(lr=0.1, momentum=0.5), np.array([[1.0, -2.0]])
    >>> rule.step(theta, 2 * theta, rule.init(theta), lr=rule.lr, t=1)[0]
    array([[ 0.7, -1.4]])

    Source: Sutskever et al., On the importance of initialization and momentum in deep learning,
    2013, eq. 3 and 4: w ← μw − η∇ℒ(φ + μw), φ ← φ + w. Their gradient is not taken at the
    parameters φ but ahead of them, at φ + μw. This is the same method in terms of that point, θ = φ
    + μw with w = −ηv, so that gradient and parameters belong together; at a constant rate θ is
    exactly their look-ahead point. With a rate that changes, a new η here rescales the whole
    velocity at once, as in `torch.optim.SGD(momentum=μ, nesterov=True)`, which gives the same
    numbers; theirs keeps past moves at the rate they were made with.
    """

    lr: float = 0.01
    momentum: float = 0.9

    scope: ClassVar[Scope] = Scope.ELEMENT
    search_space: ClassVar[Mapping[str, Range]] = {
        "lr": Range(1e-4, 1, "log", "a step is η times the gradient"),
        "momentum": Range(0.5, 0.99, "complement", "1/(1 − μ) gradients add up"),
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
        v = self.momentum * state["velocity"] + gradient
        return theta - lr * (gradient + self.momentum * v), {"velocity": v}
