"""The forward pass of a network, written out in NumPy from its definition."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from harness.network import Network

__all__ = ["forward"]

_erf = np.vectorize(math.erf, otypes=[np.float64])

ACTIVATIONS: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "identity": lambda a, _: a,
    "sigmoid": lambda a, _: 1 / (1 + np.exp(-a)),
    "tanh": lambda a, _: np.tanh(a),
    "relu": lambda a, _: np.where(a > 0, a, 0.0),
    "leaky_relu": lambda a, slope: np.where(a > 0, a, slope * a),
    "elu": lambda a, _: np.where(a > 0, a, np.expm1(a)),
    "gelu": lambda a, _: a * (1 + _erf(a / math.sqrt(2))) / 2,
    "silu": lambda a, _: a / (1 + np.exp(-a)),
    "softplus": lambda a, _: np.log1p(np.exp(a)),
}


def forward(network: Network, theta: np.ndarray, x: np.ndarray) -> list[np.ndarray]:
    """The hidden activations and, last, the output, (R, B, n) each.

    theta: (R, P). x: (R, B, F), or (B, F) shared.
    """
    h = np.broadcast_to(x, (len(theta), *x.shape[-2:]))
    found = []
    views = network.views(theta)
    for number, (weight, bias) in enumerate(views, start=1):
        a = np.einsum("rbi,roi->rbo", h, weight)
        a = a if bias is None else a + bias[:, None]
        h = ACTIVATIONS[network.activation](a, network.slope) if number < len(views) else a
        found.append(h)
    return found
