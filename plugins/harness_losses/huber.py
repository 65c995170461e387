"""Huber's loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from harness import Array, Task, array_namespace, check_range


@dataclass(frozen=True)
class Huber:
    """Huber's loss: half the squared error near the target, absolute error away from it.

        ℒ = 1/BK Σ_b Σ_k h(f(x) − y),   h(e) = ½e² if |e| ≤ δ else δ(|e| − ½δ)

    The same numbers as `torch.nn.functional.huber_loss`.

    Attributes:
        delta: Error δ beyond which the loss is linear, in the units of the targets, in (0, inf).

    >>> import numpy as np
    >>> loss, output, target = Huber(), np.array([[[1.5, 5.0]]]), np.array([[2.0, 2.0]])
    >>> loss.value(output, target), loss.gradient(output, target)
    (array([1.3125]), array([[[-0.25,  0.5 ]]]))

    Source: Huber, Robust estimation of a location parameter, 1964.
    """

    delta: float = 1.0

    tasks: ClassVar[frozenset[Task]] = frozenset({Task.REGRESSION})
    default_for: ClassVar[frozenset[Task]] = frozenset()
    output_activation: ClassVar[str] = "identity"

    def __post_init__(self) -> None:
        check_range(self, "delta", 0, closed="neither")

    def value(self, output: Array, target: Array) -> Array:
        """The mean over the batch and the outputs, (R,).

        Args:
            output: f(x), (R, B, K).
            target: y, (R, B, K), or (B, K) shared by all runs.
        """
        xp = array_namespace(output)
        size = xp.abs(output - target)
        near = xp.clip(size, max=self.delta)
        return xp.mean(near * (size - near / 2), axis=(-2, -1))

    def gradient(self, output: Array, target: Array) -> Array:
        """f(x) − y cut off at ±δ, over BK; shaped like `output`."""
        error = array_namespace(output).clip(output - target, -self.delta, self.delta)
        return error / (output.shape[-2] * output.shape[-1])
