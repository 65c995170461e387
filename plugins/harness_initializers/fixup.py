"""Fixup's scaling with depth."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np

from harness import Layer, check_range
from harness_initializers import he
from harness_initializers.weights_only import check_weights


@dataclass(frozen=True)
class Fixup:
    """Fixup's scaling: He's times L^(−1/(2m−2)) in inner hidden layers; zeros in the output layer.

    The first layer and the output layer are in no branch; the hidden layers after the first count
    as L = ⌈their number / m⌉ branches.

    Attributes:
        branch: Layers m of a residual branch, 2 or more.

    Take it to see what it does, not because it should help: the networks here have no residual
    connections, and the scaling is derived for the sum of L branches, which all add to the
    signal. In a plain network the signal shrinks by L^(−1/(2m−2)) at each layer instead; He's keeps
    it. For the same reason the last layer of each branch, which Fixup sets to zero, is drawn here:
    nothing would pass it. The zeros of the output layer are harmless, and with m + 1 hidden layers
    or fewer, where L is 1, they are the only difference from He's.

    Source: Zhang, Dauphin & Ma, Fixup initialization: residual learning without normalization,
    2019; of its rules, 1 (the classification layer) and 2. Its rule 3, scalar biases and
    multipliers, is not here.
    """

    branch: int = 2

    def __post_init__(self) -> None:
        check_range(self, "branch", 2)

    def sample(self, shape: tuple[int, ...], layer: Layer, rng: np.random.Generator) -> np.ndarray:
        """See `harness.Initializer.sample`. Raises ConfigurationError for biases."""
        check_weights(self, shape)
        return rng.normal(0.0, self.moments(layer)[1], shape)

    def moments(self, layer: Layer) -> tuple[float, float]:
        """Mean and standard deviation; see `harness.Initializer`."""
        if layer.index == layer.depth - 1:
            return 0.0, 0.0
        inner = layer.depth - 2  # hidden layers after the first
        scale = 1.0
        if layer.index:
            scale = ceil(inner / self.branch) ** (-1 / (2 * self.branch - 2))
        return 0.0, scale * sqrt(he.variance_of(layer))
