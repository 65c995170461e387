"""The z-loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from harness import Array, array_namespace
from harness_losses.softmax import log_partition, softmax


@dataclass(frozen=True)
class ZLoss:
    """Squared log-partition function: keeps logits from drifting away together.

        ℒ = 1/B Σ_b log² Z_b,   Z = Σ_k exp(f_k(x))        ∂ℒ/∂f_bk = 2 log Z_b p_bk / B

    The softmax does not notice a shift of all its logits; this term holds log Z near 0. Source:
    Chowdhery et al., PaLM: scaling language modeling with pathways, 2022, section 5, where its
    factor λ is 1e-4.

    >>> import numpy as np
    >>> ZLoss().value(np.zeros((1, 5, 2))).round(4)  # (log 2)²
    array([0.4805])
    """

    reads: ClassVar[str] = "output"
    output_activations: ClassVar[frozenset[str]] = frozenset({"softmax"})

    def value(self, values: Array) -> Array:
        """The mean over the batch, (R,).

        Args:
            values: Logits, (R, B, K).
        """
        log_z = log_partition(values)
        return array_namespace(values).mean(log_z * log_z, axis=(-2, -1))

    def gradient(self, values: Array) -> Array:
        """Shaped like `values`."""
        return (2 / values.shape[-2]) * log_partition(values) * softmax(values)
