"""The multi-layer perceptron as a component: its fields, and the network for given data."""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.errors import ConfigurationError
from harness.fields import check_choice, check_range
from harness.model.activations import ACTIVATIONS
from harness.model.network import Network

__all__ = ["Mlp"]


@dataclass(frozen=True)
class Mlp:
    """A multi-layer perceptron.

    Attributes:
        hidden: Units of each hidden layer; [] is a linear model.
        activation: Activation of the hidden layers, by name.
        slope: ε of leaky_relu, max(a, εa), in [0, 1); other activations ignore it.
        bias: Whether layers have a bias b.
    """

    hidden: list[int] = field(default_factory=lambda: [64])
    activation: str = "relu"
    slope: float = 0.01
    bias: bool = True

    def __post_init__(self) -> None:
        if any(units < 1 for units in self.hidden):
            raise ConfigurationError(
                f"'hidden' of Mlp must list positive numbers of units, as in [64, 32]; [] is a linear "
                f"model. Got {list(self.hidden)}."
            )
        check_choice(self, "activation", ACTIVATIONS)
        check_range(self, "slope", 0, 1, closed="left")

    def sized(self, features: int, outputs: int) -> Network:
        """The network for data.

        Args:
            features: Features that it reads, F.
            outputs: Outputs that it has, K.
        """
        return Network((features, *self.hidden, outputs), self.activation, self.slope, self.bias)
