"""The PyTorch backend."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from harness import Block, ConfigurationError, MissingDependencyError, check_choice

if TYPE_CHECKING:
    import torch

    from harness import Network, Objective
    from harness_torch.program import TorchProgram
    from harness_torch.updater import TorchUpdater


@dataclass(frozen=True)
class Torch:
    """PyTorch with automatic differentiation.

    dtype: precision of the parameters and of all arithmetic, "float32" or "float64"; TF32 is used only
    where PyTorch's own settings allow it, and by default they do not. device: "cpu", "cuda", "cuda:1",
    or "auto" for CUDA where there is any.

    A run alone and the same run in a stack agree to rounding: 1e-12 relative in float64 and 1e-5 in
    float32 after 20 steps, but not bit by bit, since PyTorch chooses its kernels by the shape.
    """

    dtype: str = "float32"
    device: str = "auto"

    def __post_init__(self) -> None:
        check_choice(self, "dtype", ("float32", "float64"))
        if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", self.device):
            raise ConfigurationError(
                f"'device' of Torch must be auto, cpu, cuda or cuda:N with the number of a device. "
                f"Got {self.device!r}."
            )

    def check(self) -> None:
        """Raises MissingDependencyError without PyTorch, ConfigurationError without the device."""
        if find_spec("torch") is None:
            raise MissingDependencyError(
                "backend=torch needs PyTorch, which is not installed. Install it with "
                "pip install 'harness[torch]', or take backend=numpy."
            )
        if not self.device.startswith("cuda"):
            return
        import torch

        number, present = int(self.device[5:] or 0), torch.cuda.device_count()
        if number >= present:
            raise ConfigurationError(
                f"device={self.device} asks for a CUDA device that is not there: PyTorch "
                f"{torch.__version__} finds {present}. Take device=auto or device=cpu."
            )

    @cached_property
    def _device(self) -> torch.device:
        import torch

        if self.device == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        return torch.device(self.device)

    @cached_property
    def _dtype(self) -> torch.dtype:
        import torch

        return torch.float32 if self.dtype == "float32" else torch.float64

    def place(self, array: np.ndarray) -> torch.Tensor:
        """A contiguous copy on the device; floats in `dtype`."""
        import torch

        floating = np.issubdtype(array.dtype, np.floating)
        dtype = self._dtype if floating else None
        return torch.tensor(np.ascontiguousarray(array), dtype=dtype, device=self._device)

    def fetch(self, array: torch.Tensor) -> np.ndarray:
        """A copy on the host."""
        return array.detach().cpu().numpy().copy()

    def bind(self, network: Network, objective: Objective) -> TorchProgram:
        """The program that differentiates by autograd."""
        from harness_torch.program import TorchProgram

        return TorchProgram(network, objective.placed(self.place))

    def updater(self, blocks: Sequence[Block], network: Network) -> TorchUpdater:
        """The update rules, run as they are written."""
        from harness_torch.updater import TorchUpdater

        return TorchUpdater(blocks, network, self.place, self._device)
