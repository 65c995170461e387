"""Absolute error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from harness import Array, Task, array_namespace


@dataclass(frozen=True)
class AbsoluteError:
    """Mean absolute error: 1/BK Σ_b Σ_k |f(x) − y|.

    The gradient is 0 where output and target are equal. The same numbers as
    `torch.nn.functional.l1_loss` and `sklearn.metrics.mean_absolute_error`.

    >>> import numpy as np
    >>> loss, output, target = AbsoluteError(), np.array([[[1.0, 5.0]]]), np.array([[2.0, 2.0]])
    >>> loss.value(output, target), loss.gradient(output, target)
    (array([2.]), array([[[-0.5,  0.5]]]))
    """

    tasks: ClassVar[frozenset[Task]] = frozenset({Task.REGRESSION})
    default_for: ClassVar[frozenset[Task]] = frozenset()
    output_activation: ClassVar[str] = "identity"

    def value(self, output: Array, target: Array) -> Array:
        """The mean over the batch and the outputs, (R,).

        Args:
            output: f(x), (R, B, K).
            target: y, (R, B, K), or (B, K) shared by all runs.
        """
        xp = array_namespace(output)
        return xp.mean(xp.abs(output - target), axis=(-2, -1))

    def gradient(self, output: Array, target: Array) -> Array:
        """sign(f(x) − y) / BK, shaped like `output`."""
        sign = array_namespace(output).sign(output - target)
        return sign / (output.shape[-2] * output.shape[-1])
