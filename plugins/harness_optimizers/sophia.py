"""Sophia."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness import Array, Batch, Range, Scope, State, array_namespace, check_range


@dataclass(frozen=True)
class Sophia:
    """Sophia: momentum divided by an estimate of the curvature, and clipped where that is small.

        m ← β₁m + (1 − β₁)∇ℒ
        ĥ = u ⊙ (∇ℒ(θ + δu) − ∇ℒ(θ))/δ        u of ±1, at every k-th step from the first on:
        h ← β₂h + (1 − β₂)ĥ
        θ ← (1 − ηλ)θ − η clip(m / max(γh, ε), 1)

    ĥ estimates the diagonal of the Hessian (Hutchinson); the Hessian's product with u is a difference
    of two gradients of the same samples. So every k-th step takes two gradients, the others one.

    Attributes:
        lr: Base learning rate η, in [0, inf).
        beta1: Decay rate β₁ of the mean of gradients, in [0, 1).
        beta2: Decay rate β₂ of the mean of curvatures, in [0, 1).
        gamma: Factor γ on the curvature, in (0, inf); the smaller, the more parameters are clipped
            to a step of η.
        eps: Least curvature ε to divide by, after γ, in (0, inf).
        weight_decay: Decoupled weight decay λ, in [0, inf); acts on all of θ, biases included.
        probe: Distance δ at which the second gradient is taken, in (0, inf).
        period: Steps k between two estimates of the curvature, 1 or more.

    >>> import numpy as np
    >>> class Quadratic:  # ½θ₁² + 50θ₂²
    ...     def gradient(self, theta, where=None):
    ...         return theta * np.array([[1.0, 100.0]])
    ...     def signs(self, where=None):
    ...         return np.array([[1.0, -1.0]])
    >>> rule, theta, valley = Sophia(lr=1.0, gamma=10.0), np.array([[1.0, -2.0]]), Quadratic()
    >>> theta, state = rule.step(
    ...     theta, valley.gradient(theta), rule.init(theta), lr=rule.lr, t=1, batch=valley
    ... )
    >>> theta.round(3), state["h"].round(3)
    (array([[ 0.6, -1.2]]), array([[0.01, 1.  ]]))

    Source: Liu et al., Sophia: a scalable stochastic second-order optimizer for language model
    pre-training, 2024, with the first of its two estimators (Sophia-H). They draw u from N(0, 1) and
    differentiate twice; signs have the same mean and less variance.
    """

    lr: float = 1e-3
    beta1: float = 0.96
    beta2: float = 0.99
    gamma: float = 0.01
    eps: float = 1e-12
    weight_decay: float = 0.0
    probe: float = 1e-3
    period: int = 10

    scope: ClassVar[Scope] = Scope.OBJECTIVE
    search_space: ClassVar[Mapping[str, Range]] = {
        "lr": Range(1e-5, 0.1, "log", "the largest step of a parameter"),
        "beta1": Range(0.5, 0.99, "complement", "m is a mean over 1/(1 − β₁) steps"),
        "beta2": Range(0.9, 0.999, "complement", "h is a mean over k/(1 − β₂) steps"),
        "gamma": Range(1e-3, 1, "log", "the smaller, the more parameters are clipped"),
    }

    def __post_init__(self) -> None:
        check_range(self, "lr", 0)
        check_range(self, "beta1", 0, 1, closed="left")
        check_range(self, "beta2", 0, 1, closed="left")
        check_range(self, "gamma", 0, closed="neither")
        check_range(self, "eps", 0, closed="neither")
        check_range(self, "weight_decay", 0)
        check_range(self, "probe", 0, closed="neither")
        check_range(self, "period", 1)

    def init(self, theta: Array) -> State:
        """m, h: the running means of the gradient and of the curvature, from 0."""
        xp = array_namespace(theta)
        return {"m": xp.zeros_like(theta), "h": xp.zeros_like(theta)}

    def step(
        self, theta: Array, gradient: Array, state: State, *, lr: Any, t: Any, batch: Batch
    ) -> tuple[Array, State]:
        """One update; see `harness.Optimizer.step`."""
        xp = array_namespace(theta)
        due = xp.asarray((t - 1) % self.period < 1)
        m = self.beta1 * state["m"] + (1 - self.beta1) * gradient
        u = batch.signs(due)
        change = batch.gradient(theta + self.probe * u, due) - batch.gradient(theta, due)
        curvature = u * change / self.probe
        h = xp.where(due, self.beta2 * state["h"] + (1 - self.beta2) * curvature, state["h"])
        scaled = self.gamma * h
        ratio = m / xp.where(scaled > self.eps, scaled, 0 * scaled + self.eps)
        clipped = xp.where(ratio > 1, 0 * ratio + 1, xp.where(ratio < -1, 0 * ratio - 1, ratio))
        return (1 - lr * self.weight_decay) * theta - lr * clipped, {"m": m, "h": h}
