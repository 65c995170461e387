"""Adafactor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness import Array, Range, Scope, State, array_namespace, check_range
from harness_optimizers.norms import root_mean_square


@dataclass(frozen=True)
class Adafactor:
    """Adafactor: keeps the mean squares of the rows and columns of a matrix, not of all its gradients.

        β = 1 − t^(−c)                      ρ = min(η, 1/√t)
        r ← βr + (1 − β) mean(∇ℒ² + ε₁) of each row
        s ← βs + (1 − β) mean(∇ℒ² + ε₁) of each column
        v = r s / mean(r)
        u = ∇ℒ / √v                         û = u / max(1, RMS(u)/d)
        θ ← θ − max(ε₂, RMS(θ)) ρ û

    Biases keep all of v.

    Attributes:
        lr: Base learning rate η, in [0, inf); a step is at most this share of the size of a
            matrix.
        decay: Exponent c: the means forget with β = 1 − t^(−c), in (0, 1].
        eps1: Small number ε₁ added to squared gradients, in (0, inf).
        eps2: Lower bound ε₂ on the size of a parameter in the last line, in (0, inf).
        clip: Largest root mean square d of u, in (0, inf).

    >>> import numpy as np
    >>> rule, theta = Adafactor(lr=0.1), np.array([[[3.0], [-3.0]]])
    >>> theta, state = rule.step(theta, 2 * theta, rule.init(theta), lr=rule.lr, t=1)
    >>> theta.round(6)
    array([[[ 2.7],
            [-2.7]]])

    Source: Shazeer & Stern, Adafactor: adaptive learning rates with sublinear memory cost, 2018,
    section 9, Algorithm 4, with the parameters that it proposes. The same numbers as
    `torch.optim.Adafactor(eps=(ε₁, ε₂))` but for where ε₁ goes. From step 1/η² on the rate falls
    under every schedule.
    """

    lr: float = 0.01
    decay: float = 0.8
    eps1: float = 1e-30
    eps2: float = 1e-3
    clip: float = 1.0

    scope: ClassVar[Scope] = Scope.TENSOR
    search_space: ClassVar[Mapping[str, Range]] = {
        "lr": Range(1e-4, 1, "log", "a step is at most this share of the size of a matrix"),
        "decay": Range(0.5, 1, meaning="v is a mean over tᶜ steps"),
        "eps2": Range(1e-4, 1e-1, "log", "lower bound on the size of a parameter"),
    }

    def __post_init__(self) -> None:
        check_range(self, "lr", 0)
        check_range(self, "decay", 0, 1, closed="right")
        check_range(self, "eps1", 0, closed="neither")
        check_range(self, "eps2", 0, closed="neither")
        check_range(self, "clip", 0, closed="neither")

    def init(self, theta: Array) -> State:
        """rows, columns: r, (rows, fan_out, 1), and s, (rows, 1, fan_in); of a bias v. All from 0."""
        xp = array_namespace(theta)
        if theta.ndim == 2:
            return {"v": xp.zeros_like(theta)}
        return {
            "rows": xp.zeros_like(theta[..., :1]),
            "columns": xp.zeros_like(theta[..., :1, :]),
        }

    def step(
        self, theta: Array, gradient: Array, state: State, *, lr: Any, t: Any
    ) -> tuple[Array, State]:
        """One update of a matrix, (rows, fan_out, fan_in), or a bias; see `harness.Optimizer.step`."""
        xp = array_namespace(theta)
        new = t**-self.decay  # 1 − β
        square = gradient * gradient
        if theta.ndim == 2:
            v = state["v"] + new * (square + self.eps1 - state["v"])
            root = xp.sqrt(v)
            state = {"v": v}
        else:
            rows = xp.mean(square, axis=-1, keepdims=True) + self.eps1
            columns = xp.mean(square, axis=-2, keepdims=True) + self.eps1
            rows = state["rows"] + new * (rows - state["rows"])
            columns = state["columns"] + new * (columns - state["columns"])
            # √v from its factors, which are short; their product may underflow where the roots do not
            root = xp.sqrt(rows / xp.mean(rows, axis=-2, keepdims=True)) * xp.sqrt(columns)
            state = {"rows": rows, "columns": columns}
        u = gradient / root
        cap = t**-0.5
        rho = (lr <= cap) * lr + (lr > cap) * cap
        size = xp.maximum(root_mean_square(theta), self.eps2)
        return theta - size * rho / xp.maximum(root_mean_square(u) / self.clip, 1.0) * u, state
