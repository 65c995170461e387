"""The forward pass of a network, written out in NumPy from its definition."""

from __future__ import annotations

import numpy as np

from harness.activations import activate
from harness.network import Network

__all__ = ["forward"]


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
        h = activate(network.activation, network.slope, a) if number < len(views) else a
        found.append(h)
    return found
