"""The identity matrix."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from harness import Layer, check_range
from harness_initializers.weights_only import check_weights


@dataclass(frozen=True)
class Identity:
    """The identity, as far as the shape has room for it: a layer starts by passing its input on.

    Where a layer has more units than inputs, the units beyond them get zero weights; where it has
    fewer, the last inputs reach no unit. Nothing about it is random: runs that differ only in their
    seed differ only in their batches.

    Attributes:
        gain: Factor on the identity, any finite number.

    Source: Le, Jaitly & Hinton, A simple way to initialize recurrent networks of rectified linear
    units, 2015, where it is for the weights from step to step.
    """

    gain: float = 1.0

    def __post_init__(self) -> None:
        check_range(self, "gain")

    def sample(self, shape: tuple[int, ...], layer: Layer, rng: np.random.Generator) -> np.ndarray:
        """See `harness.Initializer.sample`; draws nothing. Raises ConfigurationError for biases."""
        check_weights(self, shape)
        return self.gain * np.eye(shape[0], shape[1])

    def moments(self, layer: Layer) -> tuple[float, float]:
        """Mean and standard deviation; see `harness.Initializer`."""
        share = 1 / max(layer.fan_in, layer.fan_out)  # of the weights that are not zero
        return self.gain * share, abs(self.gain) * sqrt(share * (1 - share))
