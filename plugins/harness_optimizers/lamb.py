"""LAMB."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness import Array, Range, Scope, State, array_namespace, check_range
from harness_optimizers.norms import norm, trust


@dataclass(frozen=True)
class Lamb:
    """AdamW in steps that are a share of the norm of each weight matrix.

        m ← β₁m + (1 − β₁)∇ℒ                m̂ = m / (1 − β₁ᵗ)
        v ← β₂v + (1 − β₂)∇ℒ²               v̂ = v / (1 − β₂ᵗ)
        r = m̂ / (√v̂ + ε) + λθ
        θ ← θ − η ‖θ‖/‖r‖ r

    Biases have neither ‖θ‖/‖r‖ nor λ, as in the authors' code: they begin at 0, where nothing would
    move. The ratio is 1 also where one of the norms is 0.

    Attributes:
        lr: Base learning rate η, in [0, inf).
        beta1: Decay rate β₁ of the mean of gradients, in [0, 1).
        beta2: Decay rate β₂ of the mean of squared gradients, in [0, 1).
        eps: Small number ε that keeps the quotient finite, in (0, inf).
        weight_decay: Decoupled weight decay λ, in [0, inf); acts on weights, not on biases.

    >>> import numpy as np
    >>> rule, theta = Lamb(lr=0.1, weight_decay=0), np.array([[[3.0, 4.0]]])
    >>> rule.step(theta, 10 * theta, rule.init(theta), lr=rule.lr, t=1)[0].round(4)
    array([[[2.6464, 3.6464]]])

    Source: You et al., Large batch optimization for deep learning: training BERT in 76 minutes, 2020,
    Algorithm 2 with φ(z) = z. Other implementations leave out the corrections by 1 − βᵗ, or bound ‖θ‖
    by 10.
    """

    lr: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-6
    weight_decay: float = 0.01

    scope: ClassVar[Scope] = Scope.TENSOR
    search_space: ClassVar[Mapping[str, Range]] = {
        "lr": Range(1e-5, 0.1, "log", "a step as a share of the norm of a matrix"),
        "beta1": Range(0.5, 0.99, "complement", "m is a mean over 1/(1 − β₁) steps"),
        "beta2": Range(0.9, 0.9999, "complement", "v is a mean over 1/(1 − β₂) steps"),
        "weight_decay": Range(1e-4, 1, "log", "how much θ weighs beside a step of Adam's"),
    }

    def __post_init__(self) -> None:
        check_range(self, "lr", 0)
        check_range(self, "beta1", 0, 1, closed="left")
        check_range(self, "beta2", 0, 1, closed="left")
        check_range(self, "eps", 0, closed="neither")
        check_range(self, "weight_decay", 0)

    def init(self, theta: Array) -> State:
        """m, v: the running means of the gradient and of its square, from 0."""
        xp = array_namespace(theta)
        return {"m": xp.zeros_like(theta), "v": xp.zeros_like(theta)}

    def step(
        self, theta: Array, gradient: Array, state: State, *, lr: Any, t: Any
    ) -> tuple[Array, State]:
        """One update of a matrix, (rows, fan_out, fan_in), or a bias; see `harness.Optimizer.step`."""
        xp = array_namespace(theta)
        m = self.beta1 * state["m"] + (1 - self.beta1) * gradient
        v = self.beta2 * state["v"] + (1 - self.beta2) * (gradient * gradient)
        scale = (1 - self.beta2**t) ** 0.5
        r = scale / (1 - self.beta1**t) * m / (xp.sqrt(v) + self.eps * scale)
        if theta.ndim > 2:
            r = r + self.weight_decay * theta
            r = trust(norm(theta), norm(r)) * r
        return theta - lr * r, {"m": m, "v": v}
