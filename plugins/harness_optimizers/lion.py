"""Lion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness import Array, Range, Scope, State, array_namespace, check_range


@dataclass(frozen=True)
class Lion:
    """Evolved sign momentum: steps of one length, along the sign of a mean of gradients.

        c ← β₁m + (1 − β₁)∇ℒ
        θ ← θ − η (sign(c) + λθ)
        m ← β₂m + (1 − β₂)∇ℒ

    Attributes:
        lr: Base learning rate η, in [0, inf); every parameter moves by η at every step, so it is 3
            to 10 times smaller than for Adam.
        beta1: Decay rate β₁ of the direction, in [0, 1): the newest gradient weighs 1 − β₁ in it.
        beta2: Decay rate β₂ of the mean of gradients that is kept, in [0, 1).
        weight_decay: Decoupled weight decay λ, in [0, inf); acts on all of θ, biases included; it
            is multiplied by η, and so 3 to 10 times larger than for AdamW.

    >>> import numpy as np
    >>> rule, theta = Lion(lr=0.1, weight_decay=0.5), np.array([[1.0, -2.0]])
    >>> theta, state = rule.step(theta, 2 * theta, rule.init(theta), lr=rule.lr, t=1)
    >>> theta.round(6), state["m"].round(6)
    (array([[ 0.85, -1.8 ]]), array([[ 0.02, -0.04]]))

    Source: Chen et al., Symbolic discovery of optimization algorithms, 2023, Algorithm 2. The
    factors between its rate and decay and those of AdamW are theirs, too.
    """

    lr: float = 1e-4
    beta1: float = 0.9
    beta2: float = 0.99
    weight_decay: float = 0.1

    scope: ClassVar[Scope] = Scope.ELEMENT
    search_space: ClassVar[Mapping[str, Range]] = {
        "lr": Range(1e-6, 1e-2, "log", "the size of a parameter's step"),
        "beta1": Range(0.5, 0.99, "complement", "the newest gradient weighs 1 − β₁"),
        "beta2": Range(0.9, 0.999, "complement", "m is a mean over 1/(1 − β₂) steps"),
        "weight_decay": Range(1e-3, 10, "log", "a step takes the share ηλ of θ away"),
    }

    def __post_init__(self) -> None:
        check_range(self, "lr", 0)
        check_range(self, "beta1", 0, 1, closed="left")
        check_range(self, "beta2", 0, 1, closed="left")
        check_range(self, "weight_decay", 0)

    def init(self, theta: Array) -> State:
        """m: the running mean of the gradient, from 0."""
        return {"m": array_namespace(theta).zeros_like(theta)}

    def step(
        self, theta: Array, gradient: Array, state: State, *, lr: Any, t: Any
    ) -> tuple[Array, State]:
        """One update; see `harness.Optimizer.step`."""
        c = self.beta1 * state["m"] + (1 - self.beta1) * gradient
        m = self.beta2 * state["m"] + (1 - self.beta2) * gradient
        sign = array_namespace(theta).sign(c)
        return theta - lr * (sign + self.weight_decay * theta), {"m": m}
