"""Squared error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from harness import Array, Task, array_namespace


@dataclass(frozen=True)
class SquaredError:
    """Mean squared error: 1/BK Σ_b Σ_k (f(x) − y)².

    Without a factor ½: the same numbers as `torch.nn.functional.mse_loss` and
    `sklearn.metrics.mean_squared_error`.

    >>> import numpy as np
    >>> loss, output, target = SquaredError(), np.array([[[1.0, 5.0]]]), np.array([[2.0, 2.0]])
    >>> loss.value(output, target), loss.gradient(output, target)
    (array([5.]), array([[[-1.,  3.]]]))
    """

    tasks: ClassVar[frozenset[Task]] = frozenset({Task.REGRESSION})
    default_for: ClassVar[frozenset[Task]] = frozenset({Task.REGRESSION})
    output_activation: ClassVar[str] = "identity"

    def value(self, output: Array, target: Array) -> Array:
        """The mean over the batch and the outputs, (R,).

        Args:
            output: f(x), (R, B, K).
            target: y, (R, B, K), or (B, K) shared by all runs.
        """
        error = output - target
        return array_namespace(output).mean(error * error, axis=(-2, -1))

    def gradient(self, output: Array, target: Array) -> Array:
        """2(f(x) − y) / BK, shaped like `output`."""
        return (output - target) * (2 / (output.shape[-2] * output.shape[-1]))
