"""RMSProp."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness import Array, Range, Scope, State, array_namespace, check_range


@dataclass(frozen=True)
class RmsProp:
    """RMSProp: the gradient divided by a running root mean square of itself.

        v ← ρv + (1 − ρ)∇ℒ²
        θ ← θ − η ∇ℒ / (√v + ε)

    v starts from 0 and is not corrected for it, so that the first steps are up to 1/√(1 − ρ) times
    longer than later ones.

    Attributes:
        lr: Base learning rate η, in [0, inf).
        decay: Decay rate ρ of the mean of squared gradients, in [0, 1).
        eps: Small number ε that keeps the quotient finite, in (0, inf).

    >>> import numpy as np
    >>> rule, theta = RmsProp(lr=0.01, decay=0.99), np.array([[1.0, -2.0]])
    >>> theta, state = rule.step(theta, 2 * theta, rule.init(theta), lr=rule.lr, t=1)
    >>> theta.round(6)
    array([[ 0.9, -1.9]])

    Source: Tieleman & Hinton, Neural networks for machine learning, 2012, lecture 6e, which has ρ =
    0.9 and no ε. Defaults and numbers are those of `torch.optim.RMSprop`; Keras and `optax.rmsprop`
    take ρ = 0.9 and have ε inside the root. With momentum: `RmsPropMomentum`; centered:
    `RmsPropCentered`.
    """

    lr: float = 0.01
    decay: float = 0.99
    eps: float = 1e-8

    scope: ClassVar[Scope] = Scope.ELEMENT
    search_space: ClassVar[Mapping[str, Range]] = {
        "lr": Range(0.0001, 1, "log", "about the size of a parameter's step"),
        "decay": Range(0.9, 0.999, "complement", "v is a mean over 1/(1 − ρ) steps"),
    }

    def __post_init__(self) -> None:
        check_range(self, "lr", 0)
        check_range(self, "decay", 0, 1, closed="left")
        check_range(self, "eps", 0, closed="neither")

    def init(self, theta: Array) -> State:
        """v: the running mean of the square of the gradient, from 0."""
        return {"v": array_namespace(theta).zeros_like(theta)}

    def step(
        self, theta: Array, gradient: Array, state: State, *, lr: Any, t: Any
    ) -> tuple[Array, State]:
        """One update; see `harness.Optimizer.step`."""
        v = self.decay * state["v"] + (1 - self.decay) * (gradient * gradient)
        return theta - lr * gradient / (array_namespace(theta).sqrt(v) + self.eps), {"v": v}
