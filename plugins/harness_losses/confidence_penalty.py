"""Confidence penalty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from harness import Array, array_namespace
from harness_losses.softmax import log_softmax


@dataclass(frozen=True)
class ConfidencePenalty:
    """Negative entropy of the predicted distribution: makes over-confident outputs costly.

        ℒ = −1/B Σ_b H(p_b) = 1/B Σ_b Σ_k p_bk log p_bk,   p = softmax(f(x))

        ∂ℒ/∂f_bk = p_bk (log p_bk + H(p_b)) / B

    Between −log K (all classes alike) and 0 (certain). Source: Pereyra, Tucker, Chorowski, Kaiser &
    Hinton, Regularizing neural networks by penalizing confident output distributions, 2017.

    >>> import numpy as np
    >>> ConfidencePenalty().value(np.zeros((1, 5, 2))).round(4)  # −log 2
    array([-0.6931])
    """

    reads: ClassVar[str] = "output"
    output_activations: ClassVar[frozenset[str]] = frozenset({"softmax"})

    def value(self, values: Array) -> Array:
        """The mean over the batch, (R,).

        Args:
            values: Logits, (R, B, K).
        """
        xp = array_namespace(values)
        log_p = log_softmax(values)
        return xp.sum(xp.exp(log_p) * log_p, axis=(-2, -1)) / values.shape[-2]

    def gradient(self, values: Array) -> Array:
        """Shaped like `values`; 0 for a certain and for a uniform prediction."""
        xp = array_namespace(values)
        log_p = log_softmax(values)
        p = xp.exp(log_p)
        entropy = -xp.sum(p * log_p, axis=-1, keepdims=True)
        return p * (log_p + entropy) / values.shape[-2]
