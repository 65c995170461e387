"""Shampoo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness import Array, Range, Scope, State, array_namespace, check_range
from harness_optimizers.norms import norm

RIDGE = 1e-6  # of the norm of a preconditioner: what float32 can still take a root of


@dataclass(frozen=True)
class Shampoo:
    """Shampoo: AdaGrad that knows how rows and how columns of the gradient of a matrix go together.

        L ← L + ∇ℒ∇ℒᵀ                       R ← R + ∇ℒᵀ∇ℒ
        θ ← θ − η L^(−1/4) ∇ℒ R^(−1/4)

    lr: η, in [0, inf). eps: ε, in (0, inf); L and R begin as εI. Biases are stepped as by `AdaGrad`, s
    from ε: the method's own matrix for them would be as large as L.

    >>> import numpy as np
    >>> rule, theta = Shampoo(lr=0.1, eps=1e-12), np.diag([1.0, -2.0])[None]
    >>> theta, state = rule.step(theta, 2 * theta, rule.init(theta), lr=rule.lr, t=1)
    >>> theta.round(4)
    array([[[ 0.9,  0. ],
            [ 0. , -1.9]]])

    A step takes some two hundred products of matrices as large as a layer is wide and as large as it
    is broad: this is for layers of up to a few hundred units.

    Source: Gupta, Koren & Singer, Shampoo: preconditioned stochastic tensor optimization, 2018,
    Algorithm 1. Roots are taken of L + 10⁻⁶‖L‖I, which bounds how far apart its eigenvalues are, by
    the iteration that Anil et al., Scalable second order optimization for deep learning, 2020, use.
    """

    lr: float = 0.1
    eps: float = 1e-4

    scope: ClassVar[Scope] = Scope.TENSOR
    search_space: ClassVar[Mapping[str, Range]] = {
        "lr": Range(1e-3, 10, "log"),
        "eps": Range(1e-6, 1e-2, "log"),
    }

    def __post_init__(self) -> None:
        check_range(self, "lr", 0)
        check_range(self, "eps", 0, closed="neither")

    def init(self, theta: Array) -> State:
        """left, right: L − εI, (rows, fan_out, fan_out), and R − εI; of a bias s − ε. All from 0."""
        xp = array_namespace(theta)
        if theta.ndim == 2:
            return {"s": xp.zeros_like(theta)}
        left, right = theta[..., :1] * theta.mT[..., :1, :], theta[..., :1, :] * theta.mT[..., :1]
        return {"left": xp.zeros_like(left), "right": xp.zeros_like(right)}

    def step(
        self, theta: Array, gradient: Array, state: State, *, lr: Any, t: Any
    ) -> tuple[Array, State]:
        """One update; see `harness.Optimizer.step`. theta: (rows, fan_out, fan_in), or a bias."""
        if theta.ndim == 2:
            s = state["s"] + gradient * gradient
            return theta - lr * gradient / array_namespace(theta).sqrt(s + self.eps), {"s": s}
        left = state["left"] + gradient @ gradient.mT
        right = state["right"] + gradient.mT @ gradient
        step = fourth_root(left, self.eps) @ gradient @ fourth_root(right, self.eps)
        return theta - lr * step, {"left": left, "right": right}


def fourth_root(a: Array, eps: Any) -> Array:
    """(A + (ε + 10⁻⁶‖A‖)I)^(−1/4), of symmetric A with no eigenvalue below 0.

    a: (rows, n, n). eps: ε > 0, a number or (rows, 1, 1). A coupled Newton iteration, X ← XT and M ←
    T⁴M with T = (5I − M)/4, keeps M = X⁴A: X is the root when M is I. Small eigenvalues of M grow by
    2.4 at each step, so that 24 steps reach I from anywhere.
    """
    xp = array_namespace(a)
    identity = xp.tril(
        xp.triu(xp.ones_like(a))
    )  # on the device of A, which `eye` would have to be told
    a = a + (eps + RIDGE * norm(a)) * identity
    size = norm(a)  # no eigenvalue is larger
    x, m = identity, a / size
    for _ in range(24):
        turn = (5 * identity - m) / 4
        square = turn @ turn
        x, m = x @ turn, square @ square @ m
    return x / size**0.25
