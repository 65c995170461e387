"""LARS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness import Array, Range, Scope, State, array_namespace, check_range
from harness_optimizers.norms import norm, trust


@dataclass(frozen=True)
class Lars:
    """Layer-wise adaptive rates: momentum in steps that are a share of the norm of each weight matrix.

        κ = τ‖θ‖ / (‖∇ℒ‖ + λ‖θ‖)
        v ← μv + κ(∇ℒ + λθ)
        θ ← θ − ηv

    Biases have κ = 1 and λ = 0, as is usual: they begin at 0, where nothing would move. κ is 1 also
    where one of the norms is 0.

    Attributes:
        lr: Base learning rate η, in [0, inf).
        momentum: Decay rate μ of the velocity, in [0, 1).
        trust: Trust coefficient τ, in (0, inf); a step is the share ητ/(1 − μ) of the norm of a
            matrix.
        weight_decay: Weight decay λ, added to the gradient, in [0, inf); acts on weights, not on
            biases.

    >>> import numpy as np
    >>> rule, theta = Lars(lr=0.5, trust=0.1), np.array([[[3.0, 4.0]]])
    >>> rule.step(theta, 10 * theta, rule.init(theta), lr=rule.lr, t=1)[0].round(6)
    array([[[2.85, 3.8 ]]])

    Source: You, Gitman & Ginsburg, Large batch training of convolutional networks, 2017, Algorithm 1.
    Their τ is 0.001, for rates from 2 to 40; the default here is NVIDIA's (apex, LARC). A new η
    rescales the whole velocity at once, where theirs keeps past moves at the rate they were made with.
    """

    lr: float = 0.1
    momentum: float = 0.9
    trust: float = 0.02
    weight_decay: float = 0.0

    scope: ClassVar[Scope] = Scope.TENSOR
    search_space: ClassVar[Mapping[str, Range]] = {
        "lr": Range(1e-3, 10, "log", "a step is the share ητ/(1 − μ) of the norm of a matrix"),
        "momentum": Range(0.5, 0.99, "complement", "1/(1 − μ) steps add up"),
    }

    def __post_init__(self) -> None:
        check_range(self, "lr", 0)
        check_range(self, "momentum", 0, 1, closed="left")
        check_range(self, "trust", 0, closed="neither")
        check_range(self, "weight_decay", 0)

    def init(self, theta: Array) -> State:
        """velocity: v, from 0."""
        return {"velocity": array_namespace(theta).zeros_like(theta)}

    def step(
        self, theta: Array, gradient: Array, state: State, *, lr: Any, t: Any
    ) -> tuple[Array, State]:
        """One update of a matrix, (rows, fan_out, fan_in), or a bias; see `harness.Optimizer.step`."""
        slope = gradient
        if theta.ndim > 2:
            length = norm(theta)
            share = trust(self.trust * length, norm(gradient) + self.weight_decay * length)
            slope = share * (gradient + self.weight_decay * theta)
        v = self.momentum * state["velocity"] + slope
        return theta - lr * v, {"velocity": v}
