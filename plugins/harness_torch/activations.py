"""The activations of the hidden layers as PyTorch functions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["activation"]


def activation(name: str, slope: float) -> Callable[[Tensor], Tensor]:
    """The activation of a network by name; `slope` is ε of leaky_relu."""
    if name == "leaky_relu":
        return partial(functional.leaky_relu, negative_slope=slope)
    return _ACTIVATIONS[name]


def _softplus(a: Tensor) -> Tensor:
    # log(1 + eᵃ); functional.softplus is the identity above 20 and so off by up to 2e-9
    return torch.logaddexp(a, a.new_zeros(()))


_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda a: a,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "elu": functional.elu,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "softplus": _softplus,
}
