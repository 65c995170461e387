"""Random orthogonal matrices."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from harness import Layer, check_range
from harness_initializers.gains import gain_of
from harness_initializers.weights_only import check_weights


@dataclass(frozen=True)
class Orthogonal:
    """A random orthogonal matrix: keeps lengths at any depth.

    Rows are orthonormal where fan_out ≤ fan_in, columns otherwise; every such matrix is equally
    likely (Haar measure).

    Attributes:
        gain: Factor on the matrix, in (0, inf); null follows the activation of the layer, as in
            `variance_scaling`.

    Sources: Saxe, McClelland & Ganguli, Exact solutions to the nonlinear dynamics of learning in
    deep linear neural networks, 2014; the signs: Mezzadri, How to generate random matrices from the
    classical compact groups, 2007.
    """

    gain: float | None = 1.0

    def __post_init__(self) -> None:
        if self.gain is not None:
            check_range(self, "gain", 0, closed="neither")

    def sample(self, shape: tuple[int, ...], layer: Layer, rng: np.random.Generator) -> np.ndarray:
        """See `harness.Initializer.sample`. Raises ConfigurationError for biases."""
        check_weights(self, shape)
        tall = rng.normal(size=(max(shape), min(shape)))
        q, r = np.linalg.qr(tall)
        q *= np.copysign(1.0, np.diagonal(r))  # a unique factorization, hence an unbiased draw
        return self._gain(layer) * (q if shape[0] >= shape[1] else q.T)

    def moments(self, layer: Layer) -> tuple[float, float]:
        """Mean and standard deviation; see `harness.Initializer`."""
        return 0.0, self._gain(layer) / sqrt(max(layer.fan_in, layer.fan_out))

    def _gain(self, layer: Layer) -> float:
        return gain_of(layer) if self.gain is None else self.gain
