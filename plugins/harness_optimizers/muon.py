"""Muon."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from harness import Array, Layer, Range, Scope, State, array_namespace, check_range
from harness_optimizers.norms import norm

COEFFICIENTS = 3.4445, -4.7750, 2.0315


@dataclass(frozen=True)
class Muon:
    """Momentum made orthogonal: a step changes all directions of a hidden weight matrix alike.

        m ← μm + (1 − μ)∇ℒ                  u = μm + (1 − μ)∇ℒ
        O = orthogonal(u)                   UVᵀ, nearly, of the singular values USVᵀ
        θ ← θ − η √max(1, fan_out/fan_in) O − ηλθ

    Biases and the output layer are stepped by AdamW at the rate αη, as the author does and advises.
    He leaves the input layer to AdamW, too; here it is a hidden layer's matrix like any other.

    Attributes:
        lr: Base learning rate η, in [0, inf).
        momentum: Decay rate μ of the mean of gradients, in [0, 1).
        weight_decay: Decoupled weight decay λ, in [0, inf); acts on all of θ, at the rate of each
            parameter.
        adam_share: Rate α of AdamW as a share of η, in [0, inf).
        beta1: Decay rate β₁ of AdamW's mean of gradients, in [0, 1).
        beta2: Decay rate β₂ of AdamW's mean of squared gradients, in [0, 1).
        eps: Small number ε that keeps AdamW's quotient finite, in (0, inf).

    >>> import numpy as np
    >>> rule, theta = Muon(lr=0.1), np.eye(2)[None]
    >>> theta, state = rule.step(theta, 2 * theta, rule.init(theta), lr=rule.lr, t=1)
    >>> theta.round(2)
    array([[[0.89, 0.  ],
            [0.  , 0.89]]])

    Source: Jordan et al., Muon: an optimizer for hidden layers in neural networks, 2024, and their
    code, with its defaults; α is their 0.0003 for AdamW over 0.02. They orthogonalize in bfloat16, and
    so does `torch.optim.Muon`; this is done in the precision of θ.
    """

    lr: float = 0.02
    momentum: float = 0.95
    weight_decay: float = 0.0
    adam_share: float = 0.015
    beta1: float = 0.9
    beta2: float = 0.95
    eps: float = 1e-10

    scope: ClassVar[Scope] = Scope.TENSOR
    search_space: ClassVar[Mapping[str, Range]] = {
        "lr": Range(2e-4, 2, "log", "about the singular values of a step"),
        "momentum": Range(0.5, 0.99, "complement", "m is a mean over 1/(1 − μ) steps"),
        "adam_share": Range(1e-3, 1, "log", "the rate of AdamW as a share of η"),
    }

    def __post_init__(self) -> None:
        check_range(self, "lr", 0)
        check_range(self, "momentum", 0, 1, closed="left")
        check_range(self, "weight_decay", 0)
        check_range(self, "adam_share", 0)
        check_range(self, "beta1", 0, 1, closed="left")
        check_range(self, "beta2", 0, 1, closed="left")
        check_range(self, "eps", 0, closed="neither")

    def for_parameter(self, layer: Layer, shape: tuple[int, ...]) -> Any:
        """This rule for the weights of a hidden layer, `MuonAdamW` for the rest."""
        hidden = len(shape) == 2 and layer.index < layer.depth - 1
        return self if hidden else MuonAdamW(self)

    def init(self, theta: Array) -> State:
        """m: the running mean of the gradient, from 0."""
        return {"m": array_namespace(theta).zeros_like(theta)}

    def step(
        self, theta: Array, gradient: Array, state: State, *, lr: Any, t: Any
    ) -> tuple[Array, State]:
        """One update of a matrix, (rows, fan_out, fan_in); see `harness.Optimizer.step`."""
        m = self.momentum * state["m"] + (1 - self.momentum) * gradient
        u = self.momentum * m + (1 - self.momentum) * gradient
        scale = max(1.0, theta.shape[-2] / theta.shape[-1]) ** 0.5
        moved = theta - lr * scale * orthogonal(u)
        return moved - lr * self.weight_decay * theta, {"m": m}


@dataclass(frozen=True)
class MuonAdamW:
    """AdamW as part of Muon.

    Attributes:
        muon: The rule that has its hyperparameters.
    """

    muon: Muon

    scope: ClassVar[Scope] = Scope.TENSOR

    def init(self, theta: Array) -> State:
        """m, v: the running means of the gradient and of its square, from 0."""
        xp = array_namespace(theta)
        return {"m": xp.zeros_like(theta), "v": xp.zeros_like(theta)}

    def step(
        self, theta: Array, gradient: Array, state: State, *, lr: Any, t: Any
    ) -> tuple[Array, State]:
        """One update at the share of Muon's rate; computed as in `AdamW`."""
        xp, muon = array_namespace(theta), self.muon
        m = muon.beta1 * state["m"] + (1 - muon.beta1) * gradient
        v = muon.beta2 * state["v"] + (1 - muon.beta2) * (gradient * gradient)
        scale = (1 - muon.beta2**t) ** 0.5
        rate = muon.adam_share * lr
        decayed = (1 - rate * muon.weight_decay) * theta
        step = rate * scale / (1 - muon.beta1**t)
        return decayed - step * m / (xp.sqrt(v) + muon.eps * scale), {"m": m, "v": v}


def orthogonal(x: Array) -> Array:
    """UVᵀ of x = USVᵀ, nearly: singular values from about 0.7 to 1.2, for any that are not tiny.

    Five steps of a Newton-Schulz iteration, S ← aS + bS³ + cS⁵, whose coefficients make small values
    grow fast rather than converge; products of matrices alone.

    Args:
        x: Matrices, (rows, m, n).
    """
    a, b, c = COEFFICIENTS
    turned = x.shape[-2] > x.shape[-1]  # so that products have the size of the smaller side
    x = x.mT if turned else x
    x = x / (norm(x) + 1e-7)
    for _ in range(5):
        square = x @ x.mT
        x = a * x + (b * square + c * (square @ square)) @ x
    return x.mT if turned else x
