"""One value everywhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness import Layer, check_range


@dataclass(frozen=True)
class Constant:
    """One value everywhere: for biases; hidden units with equal weights stay equal.

    The default is the small positive bias that lets rectified units start active (Goodfellow,
    Bengio & Courville, Deep Learning, 2016, section 6.3.1). A tiny one is
    `bias_initializer=constant bias_initializer.value=0.01`.

    Attributes:
        value: The value, any finite number.
    """

    value: float = 0.1

    def __post_init__(self) -> None:
        check_range(self, "value")

    def sample(self, shape: tuple[int, ...], layer: Layer, rng: np.random.Generator) -> np.ndarray:
        """See `harness.Initializer.sample`; draws nothing."""
        return np.full(shape, float(self.value))

    def moments(self, layer: Layer) -> tuple[float, float]:
        """Mean and standard deviation; see `harness.Initializer`."""
        return self.value, 0.0
