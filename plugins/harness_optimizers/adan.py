"""Adan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness import Array, Range, Scope, State, array_namespace, check_range


@dataclass(frozen=True)
class Adan:
    """Adan: Adam with Nesterov's momentum, taken from differences of successive gradients.

        d = ∇ℒ − g,  g ← ∇ℒ                 (d = 0 at the first step)
        m ← β₁m + (1 − β₁)∇ℒ                m̂ = m / (1 − β₁ᵗ)
        v ← β₂v + (1 − β₂)d                 v̂ = v / (1 − β₂ᵗ)
        n ← β₃n + (1 − β₃)(∇ℒ + β₂d)²       n̂ = n / (1 − β₃ᵗ)
        θ ← (θ − η (m̂ + β₂v̂) / (√n̂ + ε)) / (1 + ηλ)

    Attributes:
        lr: Base learning rate η, in [0, inf).
        beta1: Decay rate β₁ of the mean of gradients, in [0, 1).
        beta2: Decay rate β₂ of the mean of differences of gradients, in [0, 1).
        beta3: Decay rate β₃ of the mean of squared gradients, taken ahead by β₂d, in [0, 1).
        eps: Small number ε that keeps the quotient finite, in (0, inf).
        weight_decay: Decoupled weight decay λ, in [0, inf); acts on all of θ, biases included.

    >>> import numpy as np
    >>> rule, theta = Adan(lr=0.1), np.array([[1.0, -2.0]])
    >>> theta, state = rule.step(theta, 2 * theta, rule.init(theta), lr=rule.lr, t=1)
    >>> theta.round(6)
    array([[ 0.9, -1.9]])

    Source: Xie et al., Adan: adaptive Nesterov momentum algorithm for faster optimizing deep models,
    2022, as their own code has it: β is 1 minus the paper's, so that it reads as
    Adam's; the means start from 0 and are corrected for it, where the paper starts them from the
    first gradient; and ε is outside the root, where the paper has it inside.
    """

    lr: float = 1e-3
    beta1: float = 0.98
    beta2: float = 0.92
    beta3: float = 0.99
    eps: float = 1e-8
    weight_decay: float = 0.0

    scope: ClassVar[Scope] = Scope.ELEMENT
    search_space: ClassVar[Mapping[str, Range]] = {
        "lr": Range(1e-05, 0.1, "log", "about the size of a parameter's step"),
        "beta1": Range(0.9, 0.999, "complement", "m is a mean over 1/(1 − β₁) steps"),
        "beta2": Range(0.5, 0.99, "complement", "v is a mean over 1/(1 − β₂) steps"),
        "beta3": Range(0.9, 0.9999, "complement", "n is a mean over 1/(1 − β₃) steps"),
    }

    def __post_init__(self) -> None:
        check_range(self, "lr", 0)
        check_range(self, "beta1", 0, 1, closed="left")
        check_range(self, "beta2", 0, 1, closed="left")
        check_range(self, "beta3", 0, 1, closed="left")
        check_range(self, "eps", 0, closed="neither")
        check_range(self, "weight_decay", 0)

    def init(self, theta: Array) -> State:
        """m, v, n: running means. g: the gradient of the step before. All from 0."""
        xp = array_namespace(theta)
        return {name: xp.zeros_like(theta) for name in ("m", "v", "n", "g")}

    def step(
        self, theta: Array, gradient: Array, state: State, *, lr: Any, t: Any
    ) -> tuple[Array, State]:
        """One update; see `harness.Optimizer.step`."""
        xp = array_namespace(theta)
        difference = (t > 1) * (gradient - state["g"])
        ahead = gradient + self.beta2 * difference
        m = self.beta1 * state["m"] + (1 - self.beta1) * gradient
        v = self.beta2 * state["v"] + (1 - self.beta2) * difference
        n = self.beta3 * state["n"] + (1 - self.beta3) * (ahead * ahead)
        # 1 − β₁ᵗ and √(1 − β₃ᵗ) are numbers of a run: combined first, they cost no pass over θ
        scale = (1 - self.beta3**t) ** 0.5
        direction = scale / (1 - self.beta1**t) * m + scale * self.beta2 / (1 - self.beta2**t) * v
        moved = theta - lr * direction / (xp.sqrt(n) + self.eps * scale)
        shrunk = moved / (1 + lr * self.weight_decay)
        return shrunk, {"m": m, "v": v, "n": n, "g": gradient}
