"""Rprop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness import Array, Range, Scope, State, array_namespace, check_range


@dataclass(frozen=True)
class Rprop:
    """Resilient propagation: each parameter has a step of its own; only the sign of ∇ℒ counts.

        r ← η₊r  where ∇ℒ and g have one sign,  η₋r  where they have different ones
        r ← min(max(r, low), high)
        g ← 0  where the signs are different,  ∇ℒ  elsewhere
        θ ← θ − η r sign(g)

    It needs gradients whose signs can be trusted, those of large batches.

    Attributes:
        lr: Base learning rate η, in [0, inf); the size of the first step.
        increase: Factor η₊ on a step while the sign stays, above 1.
        decrease: Factor η₋ on a step when the sign changes, in (0, 1).
        low: Shortest step as a multiple of η, in (0, 1].
        high: Longest step as a multiple of η, in [1, inf).

    >>> import numpy as np
    >>> rule, theta = Rprop(lr=0.1), np.array([[1.0, -2.0]])
    >>> theta, state = rule.step(theta, 2 * theta, rule.init(theta), lr=rule.lr, t=1)
    >>> theta, state = rule.step(theta, 2 * theta, state, lr=rule.lr, t=2)
    >>> theta.round(6)
    array([[ 0.78, -1.78]])

    Source: Riedmiller & Braun, A direct adaptive method for faster backpropagation learning: the
    RPROP algorithm, 1993, in the form of Igel & Hüsken, Improving the Rprop learning algorithm,
    2000, that does not go back (iRprop⁻). At a constant rate the same numbers as
    `torch.optim.Rprop` with step_sizes=(low η, high η), whose defaults these are; a schedule
    multiplies all steps.
    """

    lr: float = 0.01
    increase: float = 1.2
    decrease: float = 0.5
    low: float = 1e-4
    high: float = 5e3

    scope: ClassVar[Scope] = Scope.ELEMENT
    search_space: ClassVar[Mapping[str, Range]] = {
        "lr": Range(1e-4, 1, "log", "the size of a parameter's first step"),
        "increase": Range(1.05, 1.5, meaning="a factor on the size of a step"),
        "decrease": Range(0.2, 0.8, meaning="a factor on the size of a step"),
    }

    def __post_init__(self) -> None:
        check_range(self, "lr", 0)
        check_range(self, "increase", 1, closed="neither")
        check_range(self, "decrease", 0, 1, closed="neither")
        check_range(self, "low", 0, 1, closed="right")
        check_range(self, "high", 1)

    def init(self, theta: Array) -> State:
        """r: the steps as multiples of η, from 1. g: the gradient of the step before, from 0."""
        xp = array_namespace(theta)
        return {"r": xp.ones_like(theta), "g": xp.zeros_like(theta)}

    def step(
        self, theta: Array, gradient: Array, state: State, *, lr: Any, t: Any
    ) -> tuple[Array, State]:
        """One update; see `harness.Optimizer.step`."""
        xp = array_namespace(theta)
        turn = xp.sign(gradient) * xp.sign(state["g"])  # not the product, which underflows
        longer, shorter = xp.maximum(turn, 0.0), xp.minimum(turn, 0.0)
        factor = 1 + (self.increase - 1) * longer + (1 - self.decrease) * shorter
        r = xp.minimum(xp.maximum(state["r"] * factor, self.low), self.high)
        g = xp.where(turn < 0, 0.0, gradient)
        return theta - lr * r * xp.sign(g), {"r": r, "g": g}
