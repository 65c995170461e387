"""Layer-sequential unit variance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness import Layer
from harness_initializers.orthogonal import Orthogonal
from harness_initializers.weights_only import check_weights


@dataclass(frozen=True)
class Lsuv:
    """LSUV: orthogonal, then scaled layer by layer until the outputs of each layer have variance 1.

        W ← W / √Var(H Wᵀ)        H: the inputs of the layer, over some samples of the run

    The variance is over samples and units together, before biases and activation. The samples are
    those of `harness.DataDependentInitializer`. A layer whose outputs are all one value is
    left as it is.

    Source: Mishkin & Matas, All you need is a good init, 2016. They measure again
    after each division, until the variance is within 0.1 of 1; a fully connected layer is linear in
    W, so that one division is exact.
    """

    def sample(self, shape: tuple[int, ...], layer: Layer, rng: np.random.Generator) -> np.ndarray:
        """See `harness.Initializer.sample`. Raises ConfigurationError for biases."""
        check_weights(self, shape)
        return Orthogonal().sample(shape, layer, rng)

    def adjusted(self, weights: np.ndarray, layer: Layer, inputs: np.ndarray) -> np.ndarray:
        """See `harness.DataDependentInitializer.adjusted`."""
        # einsum, since the rounding of BLAS may depend on its threads, and starts must not
        deviation = np.einsum("bi,oi->bo", inputs, weights).std()
        return weights / deviation if deviation > 0 else weights.copy()
