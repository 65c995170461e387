"""The hidden units of trained networks: how many are saturated, how many are dead.

A unit learns through its derivative σ′. A bounded unit is *saturated* at a sample if σ′ is less than a
twentieth of its largest value there. That is 1 − h² < 1/20 for tanh, |h| > 0.975, and 4h(1 − h) < 1/20
for the sigmoid, the same point of its curve. The share is of all pairs of a unit and a sample in a
layer. Source: Glorot & Bengio, Understanding the difficulty of training deep feedforward neural
networks, 2010, section 3, who follow the activations of each layer.

A rectified unit is *dead* if it is 0 at every sample, and σ′ with it: no gradient reaches its weights.
The share is of the units of a layer. Source: Maas, Hannun & Ng, Rectifier nonlinearities improve neural
network acoustic models, 2013.

The other activations neither saturate at both ends nor die, and have no share.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from harness.backends import Backend
from harness.contracts import Array, Forward, array_namespace

__all__ = ["UnitMeter"]

SATURATED = 1 - 1 / 20  # of the square of an activation that runs from −1 to 1

COUNTED: dict[str, Callable[[Array], Array]] = {  # activation -> whether a unit with value h counts
    "tanh": lambda h: h * h > SATURATED,
    "sigmoid": lambda h: (2 * h - 1) ** 2 > SATURATED,
    "relu": lambda h: h > 0,
}


class UnitMeter:
    """Counts saturated units, or those that are not dead, over several batches.

    Args:
        activation: Activation of the hidden layers, by name.
    """

    def __init__(self, activation: str) -> None:
        self._activation = activation
        self._counts: list[Array] = []  # per layer: in how many samples each unit counted, (R, n)
        self._samples = 0

    def add(self, forward: Forward) -> None:
        """Adds a batch, given what the forward pass of R networks kept."""
        if self._activation not in COUNTED:
            return
        counts = [
            array_namespace(h).sum(COUNTED[self._activation](h), axis=1) for h in forward.hidden
        ]
        totals = self._counts or [0] * len(counts)
        self._counts = [total + count for total, count in zip(totals, counts, strict=True)]
        self._samples += forward.output.shape[1]

    def shares(self, backend: Backend) -> dict[str, np.ndarray]:
        """The share of each layer, (R,) float64: `saturated/layer1` or `dead/layer1` for the first."""
        shares = {}
        for layer, counts in enumerate(map(backend.to_host, self._counts), start=1):
            if self._activation == "relu":
                shares[f"dead/layer{layer}"] = np.mean(counts == 0, axis=1)
            else:
                shares[f"saturated/layer{layer}"] = np.mean(counts / self._samples, axis=1)
        return shares
