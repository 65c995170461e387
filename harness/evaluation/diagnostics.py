"""The hidden units of trained networks: how many are saturated, how many are dead.

A unit learns through its derivative σ′. A bounded unit is *saturated* at a sample where hardly anything
is left of σ′: less than a twentieth of its largest value. That is 1 − h² < 1/20 for tanh, |h| > 0.975,
and 4h(1 − h) < 1/20 for the sigmoid, the same point of its curve. The share is of all units and samples
of a layer. Source: Glorot & Bengio, Understanding the difficulty of training deep feedforward neural
networks, 2010, section 3, who follow the activations of each layer.

A rectified unit is *dead* if it is 0, and with it σ′, at every sample: no gradient reaches its weights.
The share is of the units of a layer. Source: Maas, Hannun & Ng, Rectifier nonlinearities improve
neural network acoustic models, 2013.

The other activations neither saturate at both ends nor die, and have no share.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from harness.backends import Backend
from harness.contracts import Array, Forward, array_namespace

__all__ = ["UnitMeter"]

SATURATED = 1 - 1 / 20  # of the square of an activation that runs from −1 to 1

COUNTED: dict[str, Callable[[Array], Array]] = {  # activation -> where a unit is, h being its value
    "tanh": lambda h: h * h > SATURATED,
    "sigmoid": lambda h: (2 * h - 1) ** 2 > SATURATED,
    "relu": lambda h: h > 0,
}


class UnitMeter:
    """Counts over several batches. activation: of the hidden layers."""

    def __init__(self, activation: str) -> None:
        self._activation = activation
        self._counts: list[
            Array
        ] = []  # a layer: samples at which a unit is what is counted, (R, n)
        self._samples = 0

    def add(self, forward: Forward) -> None:
        """Adds a batch: what the forward pass of R networks kept of it."""
        if self._activation not in COUNTED:
            return
        found = [
            array_namespace(h).sum(COUNTED[self._activation](h), axis=1) for h in forward.hidden
        ]
        before = self._counts or [0] * len(found)
        self._counts = [total + count for total, count in zip(before, found, strict=True)]
        self._samples += forward.output.shape[1]

    def shares(self, backend: Backend) -> dict[str, np.ndarray]:
        """(R,) float64 by name, `saturated/layer1` or `dead/layer1` for the first hidden layer."""
        shares = {}
        for layer, counts in enumerate(map(backend.to_host, self._counts), start=1):
            if self._activation == "relu":
                shares[f"dead/layer{layer}"] = np.mean(counts == 0, axis=1)
            else:
                shares[f"saturated/layer{layer}"] = np.mean(counts / self._samples, axis=1)
        return shares
