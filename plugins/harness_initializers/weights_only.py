"""The error of initializers that have no meaning for biases."""

from __future__ import annotations

from harness import ConfigurationError

__all__ = ["check_weights"]


def check_weights(initializer: object, shape: tuple[int, ...]) -> None:
    """Raises ConfigurationError unless the shape is that of weights, (fan_out, fan_in)."""
    if len(shape) != 2:
        raise ConfigurationError(
            f"{type(initializer).__name__} initializes weights, (fan_out, fan_in). Got shape {shape}: "
            "biases. Take another bias_initializer, such as zeros or constant."
        )
