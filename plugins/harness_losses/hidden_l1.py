"""Hidden activity penalty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from harness import Array, array_namespace


@dataclass(frozen=True)
class HiddenL1:
    """Size of the hidden activations: leaves few units active for a sample.

        ℒ = 1/B Σ_b Σ_j |h_bj|        ∂ℒ/∂h = sign(h) / B

    It is the sum over the units of a layer and, in the objective, over the hidden layers. The
    gradient is 0 where an activation is 0. Source: Goodfellow, Bengio & Courville, Deep Learning,
    2016, section 7.10 (sparse representations).

    >>> import numpy as np
    >>> HiddenL1().value(np.array([[[1.0, -2.0], [0.0, 3.0]]]))
    array([3.])
    """

    reads: ClassVar[str] = "hidden"
    output_activations: ClassVar[frozenset[str]] = frozenset({"softmax", "sigmoid", "identity"})

    def value(self, values: Array) -> Array:
        """The mean over the batch, (R,).

        Args:
            values: Activations of one hidden layer, (R, B, n).
        """
        xp = array_namespace(values)
        return xp.sum(xp.abs(values), axis=(-2, -1)) / values.shape[-2]

    def gradient(self, values: Array) -> Array:
        """Shaped like `values`."""
        return array_namespace(values).sign(values) / values.shape[-2]
