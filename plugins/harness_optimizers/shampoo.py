"""Shampoo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness import Array, Range, Scope, State, array_namespace, check_range


@dataclass(frozen=True)
class Shampoo:
    """AdaGrad for matrices: gradients are summed by rows and by columns, and scaled from both sides.

        L ← L + GGᵀ, from εI                G = ∇ℒ
        R ← R + GᵀG, from εI
        θ ← θ − η L^(−1/4) G R^(−1/4)

    Of a bias, G is a vector and θ ← θ − η L^(−1/2) G. A side of more than `max_size` keeps the diagonal
    of its matrix alone.

    lr: η, in [0, inf). eps: ε, in (0, inf). max_size: n, from 1 on.

    Each step takes the eigenvalues and eigenvectors of a matrix a side, some 10 n³ operations each: 1 ms
    at n = 64, 50 to 100 at 512 to 784 on one core, where Adam takes less than one for the whole network.

    >>> import numpy as np
    >>> rule, theta = Shampoo(lr=0.1, eps=1e-9), np.array([[[3.0, 0.1], [0.1, 0.2]]])
    >>> theta, state = rule.step(theta, 2 * theta, rule.init(theta), lr=rule.lr, t=1)
    >>> theta.round(2)
    array([[[2.9, 0.1],
            [0.1, 0.1]]])

    Source: Gupta, Koren & Singer, Shampoo: preconditioned stochastic tensor optimization, 2018,
    Algorithm 1, and 2 for a bias, of order 1; ε, and the diagonal of what is larger, as in their code
    for TensorFlow. They take roots every 20 steps or more seldom, and heavy-ball momentum with it.
    `pytorch_optimizer.Shampoo` takes the same steps, in float64: its roots are of singular values.
    """

    lr: float = 1.0
    eps: float = 0.1
    max_size: int = 768

    scope: ClassVar[Scope] = Scope.TENSOR
    search_space: ClassVar[Mapping[str, Range]] = {
        "lr": Range(0.01, 100, "log"),
        "eps": Range(1e-6, 1, "log"),
    }

    def __post_init__(self) -> None:
        check_range(self, "lr", 0)
        check_range(self, "eps", 0, closed="neither")
        check_range(self, "max_size", 1)

    def init(self, theta: Array) -> State:
        """left, right: L − εI and R − εI, (rows, n, n), or their diagonals, (rows, n, 1); from 0."""
        g = matrices(theta)
        state = {"left": self._sum(g)}
        if theta.ndim > 2:
            state["right"] = self._sum(g.mT)
        xp = array_namespace(theta)
        return {name: xp.zeros_like(slot) for name, slot in state.items()}

    def step(
        self, theta: Array, gradient: Array, state: State, *, lr: Any, t: Any
    ) -> tuple[Array, State]:
        """One update; see `harness.Optimizer.step`. theta: (rows, fan_out, fan_in), or a bias."""
        xp, g = array_namespace(theta), matrices(gradient)
        # (rows, 1, 1), whether θ is a matrix or a bias
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
    """(X + εI)ᵖ G. g: (rows, n, k). x: (rows, n, n), or a diagonal, (rows, n, 1). eps: (rows, 1, 1)."""
    xp = array_namespace(g)
    if x.shape[-1] == 1:
        return (x + eps) ** power * g
    # Of what is not finite eigenvalues raise, also for the other runs
    sound = xp.all(xp.isfinite(x), axis=(-2, -1), keepdims=True)
    values, vectors = xp.linalg.eigh(xp.where(sound, x, 0.0))
    # those of 0 are rounded to either side
    roots = xp.where(sound, (xp.maximum(values[:, None, :], 0.0) + eps) ** power, xp.nan)
    return (vectors * roots) @ (vectors.mT @ g)
