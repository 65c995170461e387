"""The activations of the hidden layers, each with its derivative.

`derivative(a, h)` is ∂h/∂a from the values of the forward pass: a = Hˡ⁻¹Wᵀ + b and h = σ(a). Where h
alone gives it, as in σ′ = h(1 − h), nothing is computed twice. Every function is stable for large |a|.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import pi, sqrt

import numpy as np

__all__ = ["Activation", "activation"]


@dataclass(frozen=True)
class Activation:
    """An activation and its derivative, elementwise.

    Attributes:
        value: h = σ(a).
        derivative: ∂h/∂a as a function of a and h.
    """

    value: Callable[[np.ndarray], np.ndarray]
    derivative: Callable[[np.ndarray, np.ndarray], np.ndarray]


def activation(name: str, slope: float) -> Activation:
    """The activation of a network by name; `slope` is ε of leaky_relu."""
    if name == "leaky_relu":
        return _leaky_relu(slope)
    return _ACTIVATIONS[name]


def _sigmoid(a: np.ndarray) -> np.ndarray:
    # Through tanh, which saturates instead of overflowing: σ(a) = (1 + tanh(a/2)) / 2.
    return 0.5 * np.tanh(0.5 * a) + 0.5


def _leaky_relu(slope: float) -> Activation:
    return Activation(
        value=lambda a: np.maximum(a, slope * a),
        derivative=lambda a, h: np.where(a > 0, a.dtype.type(1), a.dtype.type(slope)),
    )


def _elu_derivative(a: np.ndarray, h: np.ndarray) -> np.ndarray:
    return np.where(a > 0, a.dtype.type(1), h + 1)  # eᵃ = h + 1 for a ≤ 0


def _normal_cdf(a: np.ndarray) -> np.ndarray:
    from scipy.special import erf

    return 0.5 * (1 + erf(a * a.dtype.type(1 / sqrt(2))))


def _gelu_derivative(a: np.ndarray, h: np.ndarray) -> np.ndarray:
    density = a.dtype.type(1 / sqrt(2 * pi)) * np.exp(-0.5 * np.square(a))
    return _normal_cdf(a) + a * density


def _silu_derivative(a: np.ndarray, h: np.ndarray) -> np.ndarray:
    s = _sigmoid(a)
    return s + h * (1 - s)


_ACTIVATIONS = {
    "identity": Activation(lambda a: a, lambda a, h: np.ones_like(a)),
    "sigmoid": Activation(_sigmoid, lambda a, h: h * (1 - h)),
    "tanh": Activation(np.tanh, lambda a, h: 1 - np.square(h)),
    "relu": Activation(lambda a: np.maximum(a, 0), lambda a, h: (h > 0).astype(h.dtype)),
    # Clevert et al. 2016, with α = 1
    "elu": Activation(lambda a: np.where(a > 0, a, np.expm1(np.minimum(a, 0))), _elu_derivative),
    # Hendrycks & Gimpel 2016: a Φ(a), with the exact Φ
    "gelu": Activation(lambda a: a * _normal_cdf(a), _gelu_derivative),
    # Elfwing et al. 2018: a σ(a)
    "silu": Activation(lambda a: a * _sigmoid(a), _silu_derivative),
    "softplus": Activation(lambda a: np.logaddexp(a, 0), lambda a, h: _sigmoid(a)),
}
