"""The JAX backend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from harness import Block, ConfigurationError, MissingDependencyError, check_choice

if TYPE_CHECKING:
    from harness import Network, Objective, Step
    from harness_jax.compiling import Device
    from harness_jax.epoch import JaxPass
    from harness_jax.program import JaxProgram
    from harness_jax.updater import JaxUpdater


@dataclass(frozen=True)
class Jax:
    """JAX: an epoch is one function, compiled by XLA.

    Between epochs the core selects and joins rows of θ and of the state, for ever other numbers of
    runs. Outside a compiled function JAX compiles each operation for each shape, some 70 ms a time,
    so these arrays are then the host's; the training data stay on the device. A run alone and in a stack
    agree to rounding: XLA chooses its kernels by the shape.

    Attributes:
        dtype: Precision of the parameters and of all arithmetic, "float32" or "float64".
        device: Device to train on: "cpu", "gpu", or "auto" for JAX's own choice.
    """

    dtype: str = "float32"
    device: str = "auto"

    compiles_wrappers: ClassVar[bool] = True
    forkable: ClassVar[bool] = False  # JAX has threads, whose locks a forked process would inherit

    def __post_init__(self) -> None:
        check_choice(self, "dtype", ("float32", "float64"))
        check_choice(self, "device", ("auto", "cpu", "gpu"))

    def check(self) -> None:
        """Raises MissingDependencyError without JAX, ConfigurationError without the device."""
        if find_spec("jax") is None:
            raise MissingDependencyError(
                "backend=jax needs JAX, which is not installed. Install it with pip install jax, or "
                "take backend=numpy."
            )
        import jax

        try:
            _ = self._device
        except RuntimeError as error:
            raise ConfigurationError(
                f"device={self.device} asks for a device that JAX {jax.__version__} does not find: "
                f"{error}. Take device=auto or device=cpu."
            ) from error

    @cached_property
    def _device(self) -> Device:
        import logging

        import jax

        from harness_jax.compiling import Device

        # At level INFO, which Hydra sets, JAX logs every kind of device that is missing
        logging.getLogger("jax._src.xla_bridge").setLevel(logging.WARNING)
        device = jax.devices(None if self.device == "auto" else self.device)[0]
        return Device(device, self.dtype, 16 if device.platform == "cpu" else 1024)

    def capacity(self, network: Network, batch_size: int) -> int:
        """The most runs of a stack: as many as fit into memory, and no more than make it faster."""
        # θ, the best θ, Adam's two means, the gradient, and copies of them on the device; activations
        # and their gradients
        numbers = 14 * network.size + 4 * batch_size * sum(network.sizes)
        size = numbers * np.dtype(self.dtype).itemsize
        return max(1, min(4 * self._device.largest, 2 * 1024**3 // size))

    def to_device(self, array: np.ndarray) -> np.ndarray:
        """A contiguous copy; floats in `dtype`. See the class for why it is on the host."""
        kind = self.dtype if np.issubdtype(np.asarray(array).dtype, np.floating) else None
        return np.array(array, dtype=kind, order="C")

    def to_host(self, array: np.ndarray) -> np.ndarray:
        """A copy."""
        return np.array(array)

    def bind(self, network: Network, objective: Objective) -> JaxProgram:
        """The program that differentiates by `jax.vjp`."""
        from harness_jax.program import JaxProgram

        return JaxProgram(network, objective, self._device)

    def updater(self, blocks: Sequence[Block], network: Network) -> JaxUpdater:
        """The update rules, compiled."""
        from harness_jax.updater import JaxUpdater

        return JaxUpdater(blocks, network, self._device)

    def compiled(
        self, step: Step, features: np.ndarray, targets: np.ndarray, steps: int
    ) -> JaxPass | None:
        """An epoch in one call; None for a rule that JAX cannot call ahead of its numbers."""
        from harness_jax.epoch import JaxPass
        from harness_jax.updater import traceable

        if not all(traceable(block.rule, step.network, self.dtype) for block in step.blocks):
            return None
        return JaxPass(step, features, targets, self._device)
