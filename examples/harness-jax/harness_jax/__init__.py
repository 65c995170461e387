"""A JAX backend for harness: the whole step compiled by XLA, an epoch in one call."""

import harness
from harness_jax.backend import Jax

__all__ = ["Jax"]

harness_contract = 1  # the version of the plugin contract that this is written for


@harness.hookimpl
def harness_backends() -> dict[str, type]:
    """One backend, `jax`."""
    return {"jax": Jax}
