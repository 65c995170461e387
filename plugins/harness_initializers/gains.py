"""How much larger weights must be for an activation that makes its input smaller."""

from __future__ import annotations

from math import sqrt

from harness import Layer

__all__ = ["gain_of"]

# PyTorch's table (`torch.nn.init.calculate_gain`) where it has the activation; 5/3 for tanh is a
# convention: 1/√E[tanh²(z)] would be 1.593. The table lacks the smooth relatives of ReLU: they
# get 1/√E[σ²(z)] with z ~ N(0, 1), which He et al. derive for ReLU itself.
_GAINS = {
    "identity": 1.0,
    "sigmoid": 1.0,
    "tanh": 5 / 3,
    "relu": sqrt(2),
    "elu": 1.2451983007007,
    "gelu": 1.5335304411955,
    "silu": 1.6765324703311,
    "softplus": 1.0418668355353,
}


def gain_of(layer: Layer) -> float:
    """The gain for a layer's activation; 1 for the output layer and for an unknown activation.

    √(2 / (1 + ε²)) for leaky ReLU with slope ε. Source: He, Zhang, Ren & Sun, Delving deep into
    rectifiers, 2015, section 2.2.
    """
    if layer.activation == "leaky_relu":
        return sqrt(2 / (1 + layer.slope**2))
    return _GAINS.get(layer.activation, 1.0)
