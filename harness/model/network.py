"""The architecture of a network, and the layout of its parameters in θ.

A multi-layer perceptron maps H⁰ = X to outputs layer by layer (batched, row vectors):

    Aˡ = Hˡ⁻¹ Wˡᵀ + bˡ        Hˡ = σ(Aˡ)        f(x) = Aᴸ

The output layer has no activation: the loss knows which one turns outputs into predictions.
Without hidden layers this is linear or logistic regression, the single neuron.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from harness.contracts import Array, DataDependentInitializer, Initializer, Layer
from harness.errors import BrokenPromise
from harness.model.activations import ACTIVATIONS, activate

__all__ = ["ACTIVATIONS", "Network", "Parameter"]


@dataclass(frozen=True)
class Parameter:
    """One weight matrix or bias, and where it lies in θ.

    Attributes:
        name: Name in messages and files, such as layer1.weight.
        layer: Number of its layer; 0 reads the features.
        shape: Shape of the parameter: (fan_out, fan_in) for weights, (fan_out,) for a bias.
        start: Index of its first number in θ.
    """

    name: str
    layer: int
    shape: tuple[int, ...]
    start: int

    @property
    def stop(self) -> int:
        """One past the index of its last number in θ."""
        return self.start + prod(self.shape)

    def view(self, theta: Array) -> Array:
        """The parameter as a view of θ, (R, *shape).

        Args:
            theta: Parameters of R networks, (R, P).
        """
        return theta[:, self.start : self.stop].reshape(theta.shape[0], *self.shape)


@dataclass(frozen=True)
class Network:
    """A network with all its shapes.

    Attributes:
        sizes: Features, units of each hidden layer, and outputs.
        activation: Activation of the hidden layers, by name.
        slope: ε of leaky_relu, max(a, εa).
        bias: Whether layers have a bias b.
    """

    sizes: tuple[int, ...]
    activation: str
    slope: float
    bias: bool

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """All layers, from the one that reads the features to the output layer."""
        depth = len(self.sizes) - 1
        return tuple(
            Layer(
                index=index,
                depth=depth,
                fan_in=self.sizes[index],
                fan_out=self.sizes[index + 1],
                activation=self.activation if index < depth - 1 else "identity",
                slope=self.slope,
            )
            for index in range(depth)
        )

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """All parameters in their order in θ: W¹ b¹ W² b² …"""
        parameters: list[Parameter] = []
        start = 0
        for layer in self.layers:
            shapes: dict[str, tuple[int, ...]] = {"weight": (layer.fan_out, layer.fan_in)}
            if self.bias:
                shapes["bias"] = (layer.fan_out,)
            for kind, shape in shapes.items():
                parameter = Parameter(f"layer{layer.index + 1}.{kind}", layer.index, shape, start)
                parameters.append(parameter)
                start = parameter.stop
        return tuple(parameters)

    @property
    def size(self) -> int:
        """The numbers in θ, P."""
        return self.parameters[-1].stop

    def views(self, theta: Array) -> list[tuple[Array, Array | None]]:
        """W, (R, fan_out, fan_in), and b, (R, fan_out) or None, of each layer as views of θ.

        Args:
            theta: Parameters of R networks, (R, P).
        """
        parameters = iter(self.parameters)
        return [
            (next(parameters).view(theta), next(parameters).view(theta) if self.bias else None)
            for _ in self.layers
        ]

    def initial(
        self,
        weights: Initializer,
        biases: Initializer,
        rngs: list[np.random.Generator],
        inputs: np.ndarray | None = None,
    ) -> np.ndarray:
        """θ of one run before training, (P,) float64. Raises BrokenPromise for values of another kind.

        Args:
            weights: Initializer of the weights.
            biases: Initializer of the biases.
            rngs: Generator of each layer: what a layer draws does not depend on the others.
            inputs: Samples for a `DataDependentInitializer`, (B, F); others do not need them.
        """
        theta = np.empty(self.size)
        for parameter in self.parameters:
            initializer: Any = weights if len(parameter.shape) == 2 else biases
            layer = self.layers[parameter.layer]
            values = initializer.sample(parameter.shape, layer, rngs[parameter.layer])
            _check_values(initializer, "sample", values, parameter)
            theta[parameter.start : parameter.stop] = np.ravel(values)
        if isinstance(weights, DataDependentInitializer):
            if inputs is None:
                raise ValueError("weights that depend on data need inputs")
            self._adjust(theta, weights, inputs)
        return theta

    def _adjust(self, theta: np.ndarray, weights: Any, inputs: np.ndarray) -> None:
        """Adjusts the weights in θ to the data, layer by layer.

        This is not a backend's work: where a run starts must not depend on where it is trained. For the
        same reason there is no BLAS, whose rounding may depend on its threads.
        """
        h = inputs.astype(np.float64)
        matrices = [parameter for parameter in self.parameters if len(parameter.shape) == 2]
        for layer, parameter, (weight, bias) in zip(
            self.layers, matrices, self.views(theta[None]), strict=True
        ):
            values = weights.adjusted(weight[0].copy(), layer, h)
            _check_values(weights, "adjusted", values, parameter)
            weight[0] = values
            a = np.einsum("bi,oi->bo", h, weight[0])
            h = activate(layer.activation, layer.slope, a if bias is None else a + bias)


def _check_values(initializer: object, method: str, values: object, parameter: Parameter) -> None:
    """Raises BrokenPromise unless `values` are finite floats in the shape of the parameter."""
    if not isinstance(values, np.ndarray) or values.dtype.kind != "f":
        kind = f"{values.dtype} numbers" if isinstance(values, np.ndarray) else repr(values)[:80]
        raise BrokenPromise(initializer, f"{method} must return an array of floats. Got {kind}")
    if values.shape != parameter.shape:
        raise BrokenPromise(
            initializer,
            f"{method} must return the shape that it is asked for. Got {values.shape} for "
            f"{parameter.name}, which has {parameter.shape}",
        )
    if not np.isfinite(values).all():
        count = values.size - np.count_nonzero(np.isfinite(values))
        raise BrokenPromise(
            initializer,
            f"{method} must return finite numbers. {count} of {values.size} of {parameter.name} are not",
        )
