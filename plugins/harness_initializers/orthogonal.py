"""Random orthogonal matrices."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from harness import ConfigurationError, Layer, check_range


@dataclass(frozen=True)
class Orthogonal:
    """A random orthogonal matrix: keeps lengths, whatever the depth.

    Rows are orthonormal where fan_out ≤ fan_in, columns otherwise; every such matrix is equally
    likely (Haar measure). gain: the factor on it, in (0, inf).

    Sources: Saxe, McClelland & Ganguli, Exact solutions to the nonlinear dynamics of learning in
    deep linear neural networks, 2014; the signs: Mezzadri, How to generate random matrices from the
    classical compact groups, 2007.
    """

    gain: float = 1.0

    def __post_init__(self) -> None:
        check_range(self, "gain", 0, closed="neither")

    def sample(self, shape: tuple[int, ...], layer: Layer, rng: np.random.Generator) -> np.ndarray:
        """See `harness.Initializer.sample`. Raises ConfigurationError for biases."""
        if len(shape) != 2:
            raise ConfigurationError(
                f"Orthogonal initializes weights, (fan_out, fan_in). Got shape {shape}: biases. "
                "Take another bias_initializer, such as zeros or constant."
            )
        tall = rng.normal(size=(max(shape), min(shape)))
        q, r = np.linalg.qr(tall)
        q *= np.copysign(1.0, np.diagonal(r))  # a unique factorization, hence an unbiased draw
        return self.gain * (q if shape[0] >= shape[1] else q.T)

    def moments(self, layer: Layer) -> tuple[float, float]:
        """Mean and standard deviation; see `harness.Initializer`."""
        return 0.0, self.gain / sqrt(max(layer.fan_in, layer.fan_out))
