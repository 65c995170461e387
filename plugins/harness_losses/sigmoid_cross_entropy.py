"""Sigmoid cross-entropy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from harness import Array, Task, array_namespace


@dataclass(frozen=True)
class SigmoidCrossEntropy:
    """Cross-entropy of independent sigmoids, one for each label, computed from the logits.

        ℒ = −1/BK Σ_b Σ_k (y_bk log p_bk + (1 − y_bk) log(1 − p_bk)),   p = σ(f(x))

        ∂ℒ/∂f = (p − y) / BK

    The mean over samples and labels, as in `torch.nn.functional.binary_cross_entropy_with_logits`.
    Computed as max(f, 0) − fy + log(1 + exp(−|f|)), which is exact at logits of ±1e4.

    >>> import numpy as np
    >>> loss, logits = SigmoidCrossEntropy(), np.log([[[3.0]]])
    >>> loss.value(logits, np.array([[1.0]])).round(4)  # −log ¾
    array([0.2877])
    >>> loss.gradient(logits, np.array([[1.0]]))
    array([[[-0.25]]])
    """

    tasks: ClassVar[frozenset[Task]] = frozenset({Task.BINARY, Task.MULTILABEL})
    default_for: ClassVar[frozenset[Task]] = frozenset({Task.BINARY, Task.MULTILABEL})
    output_activation: ClassVar[str] = "sigmoid"

    def value(self, output: Array, target: Array) -> Array:
        """The mean over the batch and the labels, (R,).

        Args:
            output: Logits f(x), (R, B, K).
            target: Labels y, floats in [0, 1], (R, B, K), or (B, K) shared by all runs.
        """
        xp = array_namespace(output)
        size = xp.abs(output)
        # max(f, 0) as (f + |f|)/2, whose derivative at 0 is σ(0) = ½ for autograd too
        losses = (output + size) / 2 - output * target + xp.log1p(xp.exp(-size))
        return xp.mean(losses, axis=(-2, -1))

    def gradient(self, output: Array, target: Array) -> Array:
        """(σ(f) − y) / BK, shaped like `output`."""
        xp = array_namespace(output)
        e = xp.exp(-xp.abs(output))
        p = xp.where(output < 0, e, xp.ones_like(e)) / (1 + e)
        return (p - target) / (output.shape[-2] * output.shape[-1])
