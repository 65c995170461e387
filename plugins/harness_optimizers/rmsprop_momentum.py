"""RMSProp with momentum."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness import Array, Range, Scope, State, array_namespace, check_range


@dataclass(frozen=True)
class RmsPropMomentum:
    """RMSProp with a heavy ball: the velocity sums up scaled gradients.

        v ← ρv + (1 − ρ)∇ℒ²
        u ← μu + ∇ℒ / (√v + ε)
        θ ← θ − ηu

    Attributes:
        lr: Base learning rate η, in [0, inf).
        decay: Decay rate ρ of the mean of squared gradients, in [0, 1).
        momentum: Decay rate μ of the velocity, in [0, 1).
        eps: Small number ε that keeps the quotient finite, in (0, inf).

    >>> import numpy as np
    >>> rule, theta = RmsPropMomentum(lr=0.01, decay=0.99), np.array([[1.0, -2.0]])
    >>> theta, state = rule.step(theta, 2 * theta, rule.init(theta), lr=rule.lr, t=1)
    >>> theta.round(6)
    array([[ 0.9, -1.9]])

    Source: Tieleman & Hinton, Neural networks for machine learning, 2012, lecture 6e, names the
    combination. Written as in `torch.optim.RMSprop(momentum=μ)`, which gives the same numbers: a new
    η rescales the whole velocity at once. The default η is a tenth of that of `RmsProp`, because
    1/(1 − μ) scaled gradients add up.
    """

    lr: float = 1e-3
    decay: float = 0.99
    momentum: float = 0.9
    eps: float = 1e-8

    scope: ClassVar[Scope] = Scope.ELEMENT
    search_space: ClassVar[Mapping[str, Range]] = {
        "lr": Range(
            1e-05,
            0.1,
            "log",
            "about the size of a parameter's scaled gradient; 1/(1 − μ) of them add up",
        ),
        "decay": Range(0.9, 0.999, "complement", "v is a mean over 1/(1 − ρ) steps"),
        "momentum": Range(0.5, 0.99, "complement", "1/(1 − μ) scaled gradients add up"),
    }

    def __post_init__(self) -> None:
        check_range(self, "lr", 0)
        check_range(self, "decay", 0, 1, closed="left")
        check_range(self, "momentum", 0, 1, closed="left")
        check_range(self, "eps", 0, closed="neither")

    def init(self, theta: Array) -> State:
        """v: the running mean of the square of the gradient. velocity: u. Both from 0."""
        xp = array_namespace(theta)
        return {"v": xp.zeros_like(theta), "velocity": xp.zeros_like(theta)}

    def step(
        self, theta: Array, gradient: Array, state: State, *, lr: Any, t: Any
    ) -> tuple[Array, State]:
        """One update; see `harness.Optimizer.step`."""
        xp = array_namespace(theta)
        v = self.decay * state["v"] + (1 - self.decay) * (gradient * gradient)
        u = self.momentum * state["velocity"] + gradient / (xp.sqrt(v) + self.eps)
        return theta - lr * u, {"v": v, "velocity": u}
