"""The activations of the hidden layers as JAX functions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp

__all__ = ["activation"]

Function = Callable[[jax.Array], jax.Array]


def activation(name: str, slope: float) -> Function:
    """The activation of a network by name; `slope` is ε of leaky_relu."""
    if name == "leaky_relu":
        # jax.nn's has the derivative 1 at 0, where networks with zero weights start
        return lambda a: jnp.where(a > 0, a, slope * a)
    return _ACTIVATIONS[name]


_ACTIVATIONS: dict[str, Function] = {
    "identity": lambda a: a,
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "elu": jax.nn.elu,
    "gelu": partial(jax.nn.gelu, approximate=False),
    "silu": jax.nn.silu,
    "softplus": jax.nn.softplus,
}
