"""AMSGrad."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness import Array, Range, Scope, State, array_namespace, check_range


@dataclass(frozen=True)
class AmsGrad:
    """AMSGrad: Adam whose rates never grow, because it divides by the largest v so far.

        m ← β₁m + (1 − β₁)∇ℒ
        v ← β₂v + (1 − β₂)∇ℒ²               v̂ ← max(v̂, v)
        θ ← θ − η m / (√v̂ + ε)

    Attributes:
        lr: Base learning rate η, in [0, inf).
        beta1: Decay rate β₁ of the mean of gradients, in [0, 1).
        beta2: Decay rate β₂ of the mean of squared gradients, in [0, 1).
        eps: Small number ε that keeps the quotient finite, in (0, inf).

    >>> import numpy as np
    >>> rule, theta = AmsGrad(lr=0.1, beta1=0.5, beta2=0.75), np.array([[1.0, -2.0]])
    >>> theta, state = rule.step(theta, 2 * theta, rule.init(theta), lr=rule.lr, t=1)
    >>> theta.round(6)
    array([[ 0.9, -1.9]])

    Source: Reddi, Kale & Kumar, On the convergence of Adam and beyond, 2018, Algorithm 2, at a
    constant β₁ and without a projection; ε, which it lacks, keeps the quotient finite. Like the
    paper, and unlike `torch.optim.Adam(amsgrad=True)` and `optax.amsgrad`, it does not correct m and
    v for their start from 0. PyTorch's is this rule at the rate η √(1 − β₂ᵗ) / (1 − β₁ᵗ), with
    ε√(1 − β₂ᵗ); optax takes the largest of the corrected v instead, which is another rule.
    """

    lr: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8

    scope: ClassVar[Scope] = Scope.ELEMENT
    search_space: ClassVar[Mapping[str, Range]] = {
        "lr": Range(1e-05, 0.1, "log", "about the size of a parameter's step"),
        "beta1": Range(0.5, 0.99, "complement", "m is a mean over 1/(1 − β₁) steps"),
        "beta2": Range(0.9, 0.9999, "complement", "v is a mean over 1/(1 − β₂) steps"),
    }

    def __post_init__(self) -> None:
        check_range(self, "lr", 0)
        check_range(self, "beta1", 0, 1, closed="left")
        check_range(self, "beta2", 0, 1, closed="left")
        check_range(self, "eps", 0, closed="neither")

    def init(self, theta: Array) -> State:
        """m, v: as in Adam. v_max: the largest v so far. All from 0."""
        xp = array_namespace(theta)
        return {name: xp.zeros_like(theta) for name in ("m", "v", "v_max")}

    def step(
        self, theta: Array, gradient: Array, state: State, *, lr: Any, t: Any
    ) -> tuple[Array, State]:
        """One update; see `harness.Optimizer.step`."""
        xp = array_namespace(theta)
        m = self.beta1 * state["m"] + (1 - self.beta1) * gradient
        v = self.beta2 * state["v"] + (1 - self.beta2) * (gradient * gradient)
        v_max = xp.maximum(state["v_max"], v)
        return theta - lr * m / (xp.sqrt(v_max) + self.eps), {"m": m, "v": v, "v_max": v_max}
