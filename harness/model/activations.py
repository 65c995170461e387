"""The activations of hidden layers on the host, in NumPy, from their definitions.

Backends have their own, which are fast and have derivatives; `harness check` compares them with these.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

__all__ = ["ACTIVATIONS", "activate"]

_erf = np.vectorize(math.erf, otypes=[np.float64])

_VALUES: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "identity": lambda a, _: a,
    "sigmoid": lambda a, _: 1 / (1 + np.exp(-a)),
    "tanh": lambda a, _: np.tanh(a),
    "relu": lambda a, _: np.where(a > 0, a, 0.0),
    "leaky_relu": lambda a, slope: np.where(a > 0, a, slope * a),
    "elu": lambda a, _: np.where(a > 0, a, np.expm1(np.minimum(a, 0))),
    "gelu": lambda a, _: a * (1 + _erf(a / math.sqrt(2))) / 2,
    "silu": lambda a, _: a / (1 + np.exp(-a)),
    "softplus": lambda a, _: np.logaddexp(a, 0),
}

ACTIVATIONS = tuple(_VALUES)  # the names


def activate(name: str, slope: float, a: np.ndarray) -> np.ndarray:
    """σ(a), elementwise.

    Args:
        name: Name of the activation.
        slope: ε of leaky_relu, max(a, εa).
        a: Float64 values of any shape.
    """
    with np.errstate(over="ignore"):  # e^−a may be infinite, and its reciprocal is right
        return _VALUES[name](a, slope)
