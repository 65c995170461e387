"""L-BFGS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness import Array, Batch, Range, Scope, State, array_namespace, check_range


@dataclass(frozen=True)
class Lbfgs:
    """L-BFGS: steps along −H∇ℒ, where H estimates the inverse Hessian from the last few steps.

        θ ← θ − ηH∇ℒ(θ)
        s = the step,  y = ∇ℒ(θ) after it − ∇ℒ(θ) before it + λs

    H is applied by the two loops over the last k pairs (s, y), starting from yᵀs/yᵀy times the
    identity. y is the difference of two gradients of the same samples, so that it is curvature and not
    the noise between two batches: a step takes two gradients. A pair whose yᵀs is not positive is left
    out. Without a pair H is min(1, 1/‖∇ℒ‖₁). There is no line search: η decides.

    Attributes:
        lr: Base learning rate η, in [0, inf).
        damping: Damping λ, in [0, inf); makes H smaller, which helps with small batches.
        history: Number k of pairs (s, y) that are kept, 1 or more; memory and time grow with it.

    >>> import numpy as np
    >>> class Quadratic:  # 2θ²
    ...     def gradient(self, theta, where=None):
    ...         return 4 * theta
    >>> rule, theta, valley = Lbfgs(lr=1.0), np.array([[3.0]]), Quadratic()
    >>> state = rule.init(theta)
    >>> for t in (1, 2):
    ...     slope = valley.gradient(theta)
    ...     theta, state = rule.step(theta, slope, state, lr=rule.lr, t=t, batch=valley)
    ...     print(theta)
    [[2.]]
    [[0.]]

    Source: Nocedal & Wright, Numerical optimization, 2006, Algorithms 7.4 and 7.5; Schraudolph, Yu &
    Günter, A stochastic quasi-Newton method for online convex optimization, 2007, for y and λ.
    With the whole training part in each batch the same numbers as
    `torch.optim.LBFGS(max_iter=1)`.
    """

    lr: float = 0.1
    damping: float = 0.0
    history: int = 10

    scope: ClassVar[Scope] = Scope.OBJECTIVE
    search_space: ClassVar[Mapping[str, Range]] = {
        "lr": Range(1e-3, 10, "log", "1 is Newton's step, as far as H is known"),
    }

    def __post_init__(self) -> None:
        check_range(self, "lr", 0)
        check_range(self, "damping", 0)
        check_range(self, "history", 1)

    def init(self, theta: Array) -> State:
        """s, y: the pairs, (R, k, P), the newest first; zeros stand for no pair."""
        xp = array_namespace(theta)
        empty = xp.stack([xp.zeros_like(theta)] * self.history, axis=1)
        return {"s": empty, "y": empty}

    def step(
        self, theta: Array, gradient: Array, state: State, *, lr: Any, t: Any, batch: Batch
    ) -> tuple[Array, State]:
        """One update; see `harness.Optimizer.step`."""
        xp = array_namespace(theta)
        new = theta - lr * self._newton(gradient, state["s"], state["y"])
        s = new - theta
        y = batch.gradient(new) - batch.gradient(theta) + self.damping * s
        curved = _dot(y, s)[:, None] > CURVED  # False for NaN, too
        newer = {
            name: xp.where(curved, xp.concat([newest[:, None], pairs[:, :-1]], axis=1), pairs)
            for name, newest, pairs in (("s", s, state["s"]), ("y", y, state["y"]))
        }
        return new, newer

    def _newton(self, gradient: Array, s: Array, y: Array) -> Array:
        """H∇ℒ, by the two loops."""
        xp = array_namespace(gradient)
        size = xp.sum(xp.abs(gradient), axis=-1, keepdims=True)
        products = [_dot(y[:, i], s[:, i]) for i in range(self.history)]
        # 1/yᵀs; 0 where there is no pair, which then changes nothing
        rho = [(p > 0) / (p + (p <= 0)) for p in products]
        q, alphas = gradient, []
        for i in range(self.history):
            alpha = rho[i] * _dot(s[:, i], q)
            q = q - alpha * y[:, i]
            alphas.append(alpha)
        empty = products[0] <= 0
        first_scale = 1 / xp.where(size > 1, size, 0 * size + 1)
        scale = products[0] / (_dot(y[:, 0], y[:, 0]) + empty)
        r = xp.where(empty, first_scale, scale) * q
        for i in reversed(range(self.history)):
            beta = rho[i] * _dot(y[:, i], r)
            r = r + (alphas[i] - beta) * s[:, i]
        return r


CURVED = 1e-10  # yᵀs below which a pair says nothing, as in torch.optim


def _dot(a: Array, b: Array) -> Array:
    """aᵀb of each run, (R, 1); a sum, since its rounding does not depend on the number of runs."""
    return array_namespace(a).sum(a * b, axis=-1, keepdims=True)
