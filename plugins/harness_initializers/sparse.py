"""A few strong connections to each unit."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from harness import Layer, check_range
from harness_initializers.weights_only import check_weights


@dataclass(frozen=True)
class Sparse:
    """Sparse: each unit has weights N(0, std²) from a few random inputs, and zeros from all others.

    However large the layer before it, a unit neither saturates nor resembles another one.

    Attributes:
        connections: Weights of each unit that are not zero, 1 or more; all, where it has fewer
            inputs.
        std: Standard deviation of these weights, in [0, inf).

    Source: Martens, Deep learning via Hessian-free optimization, 2010, with 15
    connections; Sutskever, Martens, Dahl & Hinton, On the importance of initialization and momentum
    in deep learning, 2013, section 3.1, with std = 1. `torch.nn.init.sparse_` sets a share of the
    weights from each input to zero instead, so that a unit may have no input at all.
    """

    connections: int = 15
    std: float = 1.0

    def __post_init__(self) -> None:
        check_range(self, "connections", 1)
        check_range(self, "std", 0)

    def sample(self, shape: tuple[int, ...], layer: Layer, rng: np.random.Generator) -> np.ndarray:
        """See `harness.Initializer.sample`. Raises ConfigurationError for biases."""
        check_weights(self, shape)
        fan_out, fan_in = shape
        count = min(self.connections, fan_in)
        chosen = rng.permuted(np.tile(np.arange(fan_in), (fan_out, 1)), axis=1)[:, :count]
        weights = np.zeros(shape)
        np.put_along_axis(weights, chosen, rng.normal(0.0, self.std, (fan_out, count)), axis=1)
        return weights

    def moments(self, layer: Layer) -> tuple[float, float]:
        """Mean and standard deviation; see `harness.Initializer`."""
        return 0.0, self.std * sqrt(min(self.connections, layer.fan_in) / layer.fan_in)
