"""Back-propagation, written out.

In the notation of the course, with a leading run axis on everything and rows for samples:

    forward     Aˡ = Hˡ⁻¹ Wˡᵀ + bˡ      Hˡ = σ(Aˡ)          A and H are kept
    backward    δᴸ = ∂ℒ/∂Aᴸ             at the output, f(x) − e(y) for softmax with cross-entropy
                ∇Wˡ = δˡᵀ Hˡ⁻¹          ∇bˡ = 1ᵀ δˡ
                ∇Hˡ⁻¹ = δˡ Wˡ           each gradient is reused for the layer below
                δˡ⁻¹ = ∇Hˡ⁻¹ ⊙ σ′(Aˡ⁻¹)

A product of stacked matrices is one matrix product a run, so a run computes bit for bit what it
computes alone, and the inner matrices are contiguous, so each is one call of BLAS.
"""

from __future__ import annotations

import numpy as np

from harness import Forward, Network, Objective
from harness_numpy.activations import activation

__all__ = ["NumpyProgram"]


class NumpyProgram:
    """A network and an objective on NumPy arrays; `gradient` reuses its array from step to step."""

    def __init__(self, network: Network, objective: Objective, dtype: str) -> None:
        self._network = network
        self._objective = objective
        self._activation = activation(network.activation, network.slope)
        self._dtype = dtype
        self._gradient = np.empty((0, 0), dtype)
        self._gradient_views: list[tuple[np.ndarray, np.ndarray | None]] = []
        self._ones = np.empty((1, 0), dtype)
        self._theta: np.ndarray | None = None
        self._views: list[tuple[np.ndarray, np.ndarray | None]] = []

    def forward(self, theta: np.ndarray, x: np.ndarray) -> Forward:
        """See harness.Program."""
        _, output, hidden = self._forward(theta, x)
        return Forward(output, tuple(hidden))

    def _forward(
        self, theta: np.ndarray, x: np.ndarray
    ) -> tuple[list[np.ndarray], np.ndarray, list[np.ndarray]]:
        """The pre-activations of the hidden layers, the outputs, the hidden activations."""
        pre_activations: list[np.ndarray] = []
        hidden: list[np.ndarray] = []
        h = x
        views = self._views_of(theta)
        for weight, bias in views:
            a = np.matmul(_transposed_where_faster(h, weight), weight.swapaxes(1, 2))
            if bias is not None:
                a += bias[:, None, :]
            if len(hidden) < len(views) - 1:
                h = self._activation.value(a)
                pre_activations.append(a)
                hidden.append(h)
        return pre_activations, a, hidden

    def gradient(
        self, theta: np.ndarray, x: np.ndarray, target: np.ndarray
    ) -> tuple[Forward, np.ndarray]:
        """See harness.Program."""
        objective = self._objective
        pre_activations, output, hidden = self._forward(theta, x)
        gradient, gradient_views = self._buffer(theta)
        ones = self._ones_for(output)

        delta = objective.output_gradient(output, target)
        inputs = [x, *hidden]
        views = self._views_of(theta)
        for index in reversed(range(len(views))):
            weight, _ = views[index]
            gradient_weight, gradient_bias = gradient_views[index]
            np.matmul(delta.swapaxes(1, 2), inputs[index], out=gradient_weight)
            if gradient_bias is not None:
                # 1ᵀδ as a product takes half the time of a sum over the batch axis
                np.matmul(ones, delta, out=gradient_bias[:, None, :])
            if index == 0:
                break
            gradient_h = np.matmul(delta, weight)
            penalty = objective.hidden_gradient(hidden[index - 1])
            if penalty is not None:
                gradient_h += penalty
            gradient_h *= self._activation.derivative(pre_activations[index - 1], hidden[index - 1])
            delta = gradient_h
        decay = objective.decay_gradient(theta)
        if decay is not None:
            gradient += decay
        return Forward(output, tuple(hidden)), gradient

    def _views_of(self, theta: np.ndarray) -> list[tuple[np.ndarray, np.ndarray | None]]:
        if theta is not self._theta:  # θ is updated in place, so its views stay valid
            self._theta, self._views = theta, self._network.views(theta)
        return self._views

    def _buffer(
        self, theta: np.ndarray
    ) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray | None]]]:
        """The gradient and its views, kept from step to step."""
        if self._gradient.shape != theta.shape:
            self._gradient = np.empty_like(theta)
            self._gradient_views = self._network.views(self._gradient)
        return self._gradient, self._gradient_views

    def _ones_for(self, output: np.ndarray) -> np.ndarray:
        if self._ones.shape[1] != output.shape[1]:
            self._ones = np.ones((1, output.shape[1]), self._dtype)
        return self._ones


# The largest product, in multiplications, for which OpenBLAS has kernels for small matrices. Its kernel
# for A Bᵀ takes two to four times as long as those for A B and Aᵀ Bᵀ (0.3.31, AVX-512, sizes from 16
# to 128; narrow outputs aside), which is more than transposing A costs.
SMALL = 300_000
NARROW = 12


def _transposed_where_faster(h: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """H; with contiguous columns where that makes H Wᵀ faster."""
    _, outputs, inputs = weight.shape
    if outputs < NARROW or h.shape[-2] * inputs * outputs > SMALL:
        return h
    return np.ascontiguousarray(h.swapaxes(-1, -2)).swapaxes(-1, -2)
