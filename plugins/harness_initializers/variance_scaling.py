"""Any variance that follows the fans and the activation."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from harness import Layer, check_choice, check_range
from harness_initializers import variance
from harness_initializers.gains import gain_of

_DRAW = {
    "normal": variance.normal,
    "truncated_normal": variance.truncated_normal,
    "uniform": variance.uniform,
}


@dataclass(frozen=True)
class VarianceScaling:
    """Variance g² / fan, with the fan, the distribution and the gain g of your choice.

    Attributes:
        mode: Fan to divide by: "fan_in" keeps the size of activations, "fan_out" that of gradients,
            "fan_avg", the mean of the two, compromises.
        distribution: Distribution of the weights: "normal", "truncated_normal" (cut at two standard
            deviations, with the variance asked for all the same) or "uniform".
        gain: Gain g of all layers, in (0, inf); null follows the activation of each: 1 for the
            output layer and for sigmoid, 5/3 for tanh, √2 for ReLU, √(2 / (1 + ε²)) for leaky ReLU
            with slope ε, 1.25, 1.53, 1.68 and 1.04 for elu, gelu, silu and softplus.

    LeCun's, Glorot's and He's initializers are the gains 1, 1 and √2 with fan_in, fan_avg and
    fan_in, with their sources. Source of the name and the modes: Keras' VarianceScaling, whose `scale`
    is g²; the gains: `torch.nn.init.calculate_gain`, and 1/√E[σ²(z)], z ~ N(0, 1), for the last
    four.
    """

    mode: str = "fan_in"
    distribution: str = "normal"
    gain: float | None = None

    def __post_init__(self) -> None:
        check_choice(self, "mode", ("fan_in", "fan_out", "fan_avg"))
        check_choice(self, "distribution", tuple(_DRAW))
        if self.gain is not None:
            check_range(self, "gain", 0, closed="neither")

    def sample(self, shape: tuple[int, ...], layer: Layer, rng: np.random.Generator) -> np.ndarray:
        """See `harness.Initializer.sample`."""
        return _DRAW[self.distribution](shape, self._variance(layer), rng)

    def moments(self, layer: Layer) -> tuple[float, float]:
        """Mean and standard deviation; see `harness.Initializer`."""
        return 0.0, sqrt(self._variance(layer))

    def _variance(self, layer: Layer) -> float:
        gain = gain_of(layer) if self.gain is None else self.gain
        fans = {"fan_in": layer.fan_in, "fan_out": layer.fan_out}
        return gain**2 / fans.get(self.mode, (layer.fan_in + layer.fan_out) / 2)
