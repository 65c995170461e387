"""Centered RMSProp."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness import Array, Range, Scope, State, array_namespace, check_range


@dataclass(frozen=True)
class RmsPropCentered:
    """Centered RMSProp with momentum: the gradient over a running estimate of its standard deviation.

        n ← ρn + (1 − ρ)∇ℒ²
        g ← ρg + (1 − ρ)∇ℒ
        u ← μu + ∇ℒ / √(n − g² + ε)
        θ ← θ − ηu

    Attributes:
        lr: Base learning rate η, in [0, inf).
        decay: Decay rate ρ of the means of gradients and of squared gradients, in [0, 1).
        momentum: Decay rate μ of the velocity, in [0, 1).
        eps: Small number ε, a variance, that keeps the quotient finite, in (0, inf).

    >>> import numpy as np
    >>> rule, theta = RmsPropCentered(lr=0.1, decay=0.5, eps=1e-12), np.array([[1.0, -2.0]])
    >>> theta, state = rule.step(theta, 2 * theta, rule.init(theta), lr=rule.lr, t=1)
    >>> theta.round(6)
    array([[ 0.8, -1.8]])

    Source: Graves, Generating sequences with recurrent neural networks, 2013, eq. 38 to 41, with its
    ρ, μ, η and ε as defaults. At a constant rate the numbers are his; a new η here rescales the whole
    velocity at once, as in `torch.optim.RMSprop(centered=True)`, where ε is added to the root
    instead. n − g² is a variance: what rounding takes below 0 counts as 0.
    """

    lr: float = 1e-4
    decay: float = 0.95
    momentum: float = 0.9
    eps: float = 1e-4

    scope: ClassVar[Scope] = Scope.ELEMENT
    search_space: ClassVar[Mapping[str, Range]] = {
        "lr": Range(
            1e-06,
            0.01,
            "log",
            "about the size of a parameter's scaled gradient; 1/(1 − μ) of them add up",
        ),
        "decay": Range(0.9, 0.999, "complement", "n, g are means over 1/(1 − ρ) steps"),
        "momentum": Range(0.5, 0.99, "complement", "1/(1 − μ) scaled gradients add up"),
        "eps": Range(1e-6, 1e-2, "log", "in units of a squared gradient"),
    }

    def __post_init__(self) -> None:
        check_range(self, "lr", 0)
        check_range(self, "decay", 0, 1, closed="left")
        check_range(self, "momentum", 0, 1, closed="left")
        check_range(self, "eps", 0, closed="neither")

    def init(self, theta: Array) -> State:
        """n, g: the running means of the square of the gradient and of it. velocity: u. All from 0."""
        xp = array_namespace(theta)
        return {name: xp.zeros_like(theta) for name in ("n", "g", "velocity")}

    def step(
        self, theta: Array, gradient: Array, state: State, *, lr: Any, t: Any
    ) -> tuple[Array, State]:
        """One update; see `harness.Optimizer.step`."""
        xp = array_namespace(theta)
        n = self.decay * state["n"] + (1 - self.decay) * (gradient * gradient)
        g = self.decay * state["g"] + (1 - self.decay) * gradient
        variance = xp.maximum(n - g * g, 0.0)
        u = self.momentum * state["velocity"] + gradient / xp.sqrt(variance + self.eps)
        return theta - lr * u, {"n": n, "g": g, "velocity": u}
