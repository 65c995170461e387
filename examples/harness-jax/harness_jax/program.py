"""A network and an objective as a JAX program: forward pass written out, gradient by `jax.vjp`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from harness import Forward, Network, Objective
from harness_jax.activations import activation
from harness_jax.compiling import Device, compute
from harness_jax.rules import Parts, join, split

__all__ = ["JaxProgram", "factors", "forward", "gradient", "signature_of", "with_factors"]


# --- pure functions, on the parameters of R runs ----------------------------------------------------


def forward(network: Network, theta: Parts, x: jax.Array) -> Forward:
    """The forward pass.

    Args:
        network: The network.
        theta: θ by parameter, (R, n) each.
        x: Features, (R, B, F), or (B, F) shared by all runs, in one matrix product for all.
    """
    function = activation(network.activation, network.slope)
    parts = iter(zip(network.parameters, theta, strict=True))
    h = x
    hidden: list[jax.Array] = []
    for layer in network.layers:
        parameter, part = next(parts)
        weight = part.reshape(-1, *parameter.shape)
        sides = "bi,roi->rbo" if h.ndim == 2 else "rbi,roi->rbo"
        # the default precision would be TF32 on a GPU
        a = jnp.einsum(sides, h, weight, precision=jax.lax.Precision.HIGHEST)
        if network.bias:
            a = a + next(parts)[1][:, None, :]
        if layer.index == layer.depth - 1:
            return Forward(a, tuple(hidden))
        h = function(a)
        hidden.append(h)
    raise AssertionError("a network has an output layer")


def gradient(
    network: Network, objective: Objective, theta: Parts, x: jax.Array, target: jax.Array
) -> tuple[Forward, Parts]:
    """The forward pass and ∂ℒ/∂θ by parameter.

    JAX carries back the objective's gradients of the outputs and of the hidden activations.
    """

    def run(theta: Parts) -> tuple[jax.Array, tuple[jax.Array, ...]]:
        result = forward(network, theta, x)
        return result.output, result.hidden

    (output, hidden), back = jax.vjp(run, theta)
    slopes = [objective.hidden_gradient(h) for h in hidden]
    (parts,) = back(
        (
            objective.output_gradient(output, target).astype(output.dtype),
            tuple(
                jnp.zeros_like(h) if slope is None else slope.astype(h.dtype)
                for slope, h in zip(slopes, hidden, strict=True)
            ),
        )
    )
    decays = [objective.decay_gradient(part) for part in theta]
    return Forward(output, hidden), [
        part if decay is None else part + decay for part, decay in zip(parts, decays, strict=True)
    ]


# --- the factors of an objective as arguments ---------------------------------------------------------


def factors(objective: Objective) -> list[np.ndarray]:
    """The factors of an objective, (R,) each, which `with_factors` puts back."""
    values: list[np.ndarray] = []

    def keep(factor: np.ndarray) -> np.ndarray:
        values.append(factor)
        return factor

    objective.map_factors(keep)
    return values


def with_factors(objective: Objective, values: list[Any]) -> Objective:
    """The objective with these factors."""
    rest = iter(values)
    return objective.map_factors(lambda _: next(rest))


def signature_of(objective: Objective) -> str:
    """Equal for objectives that differ in their factors alone; the repr of a dataclass is complete."""
    losses = [(objective.name, objective.loss), *((t.name, t.loss) for t in objective.auxiliary)]
    parts = [(name, type(loss).__module__, repr(loss)) for name, loss in losses]
    return repr((parts, objective.weight_decay is not None))


# --- the contract of the core ---------------------------------------------------------------------


class JaxProgram:
    """See harness.Program. Takes and gives arrays of the host."""

    def __init__(self, network: Network, objective: Objective, device: Device) -> None:
        self._network = network
        self._objective = objective
        self._device = device
        self._factors = [device.floats(value) for value in factors(objective)]
        self._signature = repr((network, signature_of(objective)))

    def forward(self, theta: np.ndarray, x: np.ndarray) -> Forward:
        """theta: (R, P), for any R; x: (R, B, F), or (B, F) shared by all runs."""
        network = self._network

        def function(runs: Any, x: Any) -> Any:
            theta, own_x = runs
            result = forward(network, split(theta, network), x if own_x is None else own_x)
            return result.output, result.hidden

        # The last chunk of a part of the data may have any size: padded, chunks share a compilation
        samples = x.shape[-2]
        rest = (1 << (samples - 1).bit_length()) - samples
        x = np.pad(x, [(0, 0)] * (x.ndim - 2) + [(0, rest), (0, 0)])
        runs = theta, x if x.ndim == 3 else None
        output, hidden = self._in_buckets("forward", function, runs, x if x.ndim == 2 else None)
        return Forward(output[:, :samples], tuple(h[:, :samples] for h in hidden))

    def gradient(
        self, theta: np.ndarray, x: np.ndarray, target: np.ndarray
    ) -> tuple[Forward, np.ndarray]:
        """The forward pass and ∂ℒ/∂θ, (R, P)."""
        network, objective = self._network, self._objective

        def function(runs: Any, shared: Any) -> Any:
            theta, values, own_batch = runs
            x, target = own_batch or shared
            full = with_factors(objective, values)
            result, parts = gradient(network, full, split(theta, network), x, target)
            return result.output, result.hidden, join(parts)

        batch = x, target
        runs = theta, self._factors, batch if x.ndim == 3 else None
        shared = batch if x.ndim == 2 else None
        output, hidden, slopes = self._in_buckets("gradient", function, runs, shared)
        return Forward(output, hidden), slopes

    def _in_buckets(self, name: str, function: Callable[..., Any], runs: Any, shared: Any) -> Any:
        """The results for all runs, side by side."""
        shapes = [array.shape[1:] for array in jax.tree.leaves(runs)]
        shapes += [array.shape for array in jax.tree.leaves(shared)]
        key = self._signature, name, tuple(shapes)
        # The overhead of a call is the time of a few runs: one call for all of a stack
        largest = 4 * self._device.largest
        results = [
            jax.tree.map(
                lambda array, count=rows.stop - rows.start: np.asarray(array)[:count], part
            )
            for rows, part in compute(key, function, self._device, largest, runs, shared)
        ]
        return jax.tree.map(lambda *parts: np.concatenate(parts), *results)
