"""Shampoo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness import Array, Range, Scope, State, array_namespace, check_range


@dataclass(frozen=True)
class Shampoo:
    """AdaGrad of matrices: squares of gradients are summed by rows and by columns, products included.

        G = ∇ℒ
        L ← L + GGᵀ, from εI                R ← R + GᵀG, from εI
        θ ← θ − η L^(−1/4) G R^(−1/4)

    A bias has L alone, with the power −1/2. For a side longer than `max_size` only the diagonal is kept.

    Attributes:
        lr: Base learning rate η, in [0, inf).
        eps: Small number ε that L and R start from, times the identity, in (0, inf).
        max_size: Longest side of a matrix that gets a full L or R, 1 or more; a longer one gets a
            diagonal.

    Each step computes the eigenvalues and eigenvectors of each L and R, some 10 n³ operations: on one
    core 1 ms for a side of 64 and 40 ms for 512; one of 784 would take 100. On CUDA they wait for the
    device, so the steps there are not captured in a graph.

    >>> import numpy as np
    >>> rule, theta = Shampoo(lr=0.1, eps=1e-9), np.array([[[3.0, 0.1], [0.1, 0.2]]])
    >>> theta, state = rule.step(theta, 2 * theta, rule.init(theta), lr=rule.lr, t=1)
    >>> theta.round(2)
    array([[[2.9, 0.1],
            [0.1, 0.1]]])

    Source: Gupta, Koren & Singer, Shampoo: preconditioned stochastic tensor optimization, 2018,
    Algorithm 1, and Algorithm 2 for order 1; defaults, and diagonals, as in their code for TensorFlow.
    That can also take roots at every k-th step only, and means instead of sums. The same numbers as
    `pytorch_optimizer.Shampoo`, which has no diagonals and takes roots of singular values: in float32 it
    fails where a gradient leaves a direction out.
    """

    lr: float = 1.0
    eps: float = 0.1
    max_size: int = 768

    scope: ClassVar[Scope] = Scope.TENSOR
    search_space: ClassVar[Mapping[str, Range]] = {
        "lr": Range(0.01, 100, "log", "the largest singular value of the first step"),
        "eps": Range(1e-6, 1, "log", "in units of a squared gradient"),
    }

    def __post_init__(self) -> None:
        check_range(self, "lr", 0)
        check_range(self, "eps", 0, closed="neither")
        check_range(self, "max_size", 1)

    def init(self, theta: Array) -> State:
        """left, right: L − εI and R − εI, (rows, n, n), or their diagonals, (rows, n, 1); from 0."""
        nothing = matrices(array_namespace(theta).zeros_like(theta))
        if theta.ndim == 2:
            return {"left": self._sum(nothing)}
        return {"left": self._sum(nothing), "right": self._sum(nothing.mT)}

    def step(
        self, theta: Array, gradient: Array, state: State, *, lr: Any, t: Any
    ) -> tuple[Array, State]:
        """One update of a matrix, (rows, fan_out, fan_in), or a bias; see `harness.Optimizer.step`."""
        xp, g = array_namespace(theta), matrices(gradient)
        # (rows, 1, 1) for a matrix and for a bias
        eps = xp.reshape(xp.zeros_like(theta) + self.eps, (theta.shape[0], -1))[:, :1, None]
        left = state["left"] + self._sum(g)
        if theta.ndim == 2:
            return theta - lr * scaled(g, left, eps, -1 / 2)[..., 0], {"left": left}
        right = state["right"] + self._sum(g.mT)
        u = scaled(scaled(g, left, eps, -1 / 4).mT, right, eps, -1 / 4).mT
        return theta - lr * u, {"left": left, "right": right}

    def _sum(self, g: Array) -> Array:
        """GGᵀ, or its diagonal."""
        if g.shape[-2] <= self.max_size:
            return g @ g.mT
        return array_namespace(g).sum(g * g, axis=-1, keepdims=True)


def matrices(x: Array) -> Array:
    """A bias as a matrix of one column, (rows, n, 1)."""
    return x[..., None] if x.ndim == 2 else x


def scaled(g: Array, x: Array, eps: Array, power: float) -> Array:
    """(X + εI)ᵖ G.

    Args:
        g: Matrix G, (rows, n, k).
        x: Symmetric matrix X, (rows, n, n), or its diagonal, (rows, n, 1).
        eps: Number ε added to the eigenvalues, (rows, 1, 1).
        power: Exponent p.
    """
    xp = array_namespace(g)
    if x.shape[-1] == 1:
        return (x + eps) ** power * g
    # `eigh` raises on non-finite input, which would fail the whole stack
    finite = xp.all(xp.isfinite(x), axis=(-2, -1), keepdims=True)
    values, vectors = xp.linalg.eigh(xp.where(finite, x, 0.0))
    # an eigenvalue of 0 may be rounded below 0
    roots = xp.where(finite, (xp.maximum(values[:, None, :], 0.0) + eps) ** power, xp.nan)
    return (vectors * roots) @ (vectors.mT @ g)
