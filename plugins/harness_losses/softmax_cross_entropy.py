"""Softmax cross-entropy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from harness import Array, Task, array_namespace
from harness_losses.softmax import log_softmax, softmax


@dataclass(frozen=True)
class SoftmaxCrossEntropy:
    """Cross-entropy of a softmax over classes, computed from the logits.

        ℒ = −1/B Σ_b Σ_k y_bk log p_bk,   p = softmax(f(x))        ∂ℒ/∂f = (p − y) / B

    The same numbers as `torch.nn.functional.cross_entropy`, with exact values at logits of ±1e4.

    >>> import numpy as np
    >>> loss, logits = SoftmaxCrossEntropy(), np.log([[[3.0, 1.0]]])
    >>> loss.value(logits, np.array([0])).round(4)  # −log ¾
    array([0.2877])
    >>> loss.gradient(logits, np.array([[1.0, 0.0]]))
    array([[[-0.25,  0.25]]])
    """

    tasks: ClassVar[frozenset[Task]] = frozenset({Task.MULTICLASS, Task.BINARY})
    default_for: ClassVar[frozenset[Task]] = frozenset({Task.MULTICLASS})
    output_activation: ClassVar[str] = "softmax"

    def value(self, output: Array, target: Array) -> Array:
        """The mean over the batch, (R,).

        Args:
            output: Logits f(x), (R, B, K).
            target: Distributions over the classes, such as one-hot e(y), as floats (R, B, K), or
                (B, K) shared by all runs; or class numbers from 0 to K − 1 as integers (R, B),
                or (B,) shared.
        """
        xp = array_namespace(output)
        losses = _one_hot(target, output) * -log_softmax(output)
        return xp.sum(losses, axis=(-2, -1)) / output.shape[-2]

    def gradient(self, output: Array, target: Array) -> Array:
        """(f(x) − e(y)) / B, shaped like `output`."""
        return (softmax(output) - _one_hot(target, output)) / output.shape[-2]


def _one_hot(target: Array, output: Array) -> Array:
    """e(y) of class numbers; targets that are floats are returned as they are."""
    if target.dtype == output.dtype:  # at every step: `isdtype` would cost 1 µs
        return target
    xp = array_namespace(output)
    if not xp.isdtype(target.dtype, "integral"):
        return target
    classes = xp.arange(output.shape[-1], device=target.device)
    return xp.astype(target[..., None] == classes, output.dtype)
