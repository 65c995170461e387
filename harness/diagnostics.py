"""The hidden units of trained networks: how many are saturated, how many are dead.

A unit learns through its derivative σ′. A bounded unit is *saturated* at a sample where hardly anything
is left of σ′: less than a twentieth of its largest value. That is 1 − h² < 1/20 for tanh, |h| > 0.975,
and 4h(1 − h) < 1/20 for the sigmoid, the same point of its curve. The share is of all units and samples
of a layer. Source: Glorot & Bengio, Understanding the difficulty of training deep feedforward neural
networks, 2010, section 3, who follow the activations of each layer.

A rectified unit is *dead* if it is 0, and with it σ′, at every sample: no gradient reaches its weights.
The share is of the units of a layer. Source: Maas, Hannun & Ng, Rectifier nonlinearities improve
neural network acoustic models, 2013, section 2.

The other activations neither saturate at both ends nor die, and have no share.
"""

from __future__ import annotations

import numpy as np

from harness.contracts import Array, Backend, Forward, array_namespace

__all__ = ["UnitMeter"]

SATURATED = 1 - 1 / 20  # of the square of an activation that runs from −1 to 1


class UnitMeter:
    """Counts over several batches. activation: of the hidden layers."""

    def __init__(self, activation: str) -> None:
        self._activation = activation
        self._found: list[Array] = []  # a layer: saturated ones, (R,), or which ever fired, (R, n)
        self._values = 0  # samples so far
        self._widths: list[int] = []

    def add(self, forward: Forward) -> None:
        """Adds a batch: what the forward pass of R networks kept of it."""
        match self._activation:
            case "tanh":
                found = [_saturated(h) for h in forward.hidden]
            case "sigmoid":
                found = [_saturated(2 * h - 1) for h in forward.hidden]
            case "relu":
                found = [array_namespace(h).any(h > 0, axis=1) for h in forward.hidden]
            case _:
                return
        self._values += forward.output.shape[1]
        self._widths = [h.shape[-1] for h in forward.hidden]
        if self._found and self._activation == "relu":
            self._found = [before | now for before, now in zip(self._found, found, strict=True)]
        elif self._found:
            self._found = [before + now for before, now in zip(self._found, found, strict=True)]
        else:
            self._found = found

    def shares(self, backend: Backend) -> dict[str, np.ndarray]:
        """(R,) float64 by name, `saturated/layer1` or `dead/layer1` for the first hidden layer."""
        shares = {}
        for number, (found, width) in enumerate(
            zip(self._found, self._widths, strict=True), start=1
        ):
            counts = np.asarray(backend.fetch(found))
            if self._activation == "relu":
                shares[f"dead/layer{number}"] = 1 - counts.mean(axis=1)
            else:
                shares[f"saturated/layer{number}"] = counts / (self._values * width)
        return shares


def _saturated(h: Array) -> Array:
    """How many values of each network are saturated, (R,). h: (R, B, n), from −1 to 1."""
    return array_namespace(h).sum(h * h > SATURATED, axis=(1, 2))
