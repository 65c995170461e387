"""The PyTorch backend."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from harness import (
    Block,
    ConfigurationError,
    MissingDependencyError,
    Scope,
    check_choice,
    check_range,
)

if TYPE_CHECKING:
    import torch

    from harness import Network, Objective, Pass, Step
    from harness_torch.program import TorchProgram
    from harness_torch.updater import TorchUpdater


@dataclass(frozen=True)
class Torch:
    """PyTorch with automatic differentiation.

    A run alone and the same run in a stack agree to rounding: 1e-12 relative in float64 and 1e-5 in
    float32 after 20 steps, but not bit by bit, since PyTorch chooses its kernels by the shape.

    Attributes:
        dtype: Precision of the parameters and of all arithmetic, "float32" or "float64"; TF32 is
            used only where PyTorch's own settings allow it, and by default they do not.
        device: Device to train on: "cpu", "cuda", "cuda:1", or "auto" for CUDA where there is any.
        threads: Threads of an operation on a CPU, 1 or more; one is best for small networks, and
            leaves the other cores to other stacks.
    """

    dtype: str = "float32"
    device: str = "auto"
    threads: int = 1

    compiles_wrappers: ClassVar[bool] = True
    forkable: ClassVar[bool] = False  # autograd has threads, and CUDA allows no forks

    def __post_init__(self) -> None:
        check_choice(self, "dtype", ("float32", "float64"))
        check_range(self, "threads", 1)
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
                "pip install 'optimizer-harness[torch]', or take backend=numpy."
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

    def capacity(self, network: Network, batch_size: int) -> int:
        """The most runs of a stack: as many as fit into memory, and no more than make it faster."""
        # θ, the best θ, Adam's two means, the gradient, temporaries of an update, and the copies of a
        # captured epoch; activations and their gradients, once more in the backward pass
        numbers = 14 * network.size + 4 * batch_size * sum(network.sizes)
        size = numbers * (4 if self.dtype == "float32" else 8)
        if self._device.type == "cuda":
            import torch

            free, _ = torch.cuda.mem_get_info(self._device)
            return max(1, min(4096, int(free / 2 / size)))  # two stacks may train at once
        # From 16 runs to 64 the step of a run gets a quarter cheaper, and no cheaper beyond
        return max(1, min(64, 2 * 1024**3 // size))

    def to_device(self, array: np.ndarray) -> torch.Tensor:
        """A contiguous copy on the device; floats in `dtype`."""
        import torch

        floating = np.issubdtype(array.dtype, np.floating)
        dtype = self._dtype if floating else None
        return torch.tensor(np.ascontiguousarray(array), dtype=dtype, device=self._device)

    def to_host(self, array: torch.Tensor) -> np.ndarray:
        """A copy on the host."""
        return array.detach().cpu().numpy().copy()

    def bind(self, network: Network, objective: Objective) -> TorchProgram:
        """The program that differentiates by autograd."""
        import torch

        from harness_torch.program import TorchProgram

        torch.set_num_threads(self.threads)  # of the whole process
        return TorchProgram(network, objective.map_factors(self.to_device))

    def updater(self, blocks: Sequence[Block], network: Network) -> TorchUpdater:
        """The update rules, run in place on a CPU, else operation by operation."""
        from harness_torch.updater import TorchUpdater

        return TorchUpdater(blocks, network, self._dtype, self._device)

    def compiled(
        self, step: Step, features: torch.Tensor, targets: torch.Tensor, steps: int
    ) -> Pass | None:
        """The whole step, captured in a CUDA graph, or compiled for a CPU where that pays.

        None also for an optimizer of another library, and for a rule that cannot be called without
        numbers, since it branches on them, say. On CUDA, also for a rule that synchronizes with the
        device, as eigenvalues do.
        """
        if any(block.rule.scope is Scope.BACKEND for block in step.blocks):
            return None
        from harness_torch import inductor
        from harness_torch.cuda_graph import CapturedPass
        from harness_torch.step import WholeStep
        from harness_torch.synchronization import SynchronizationDetector

        on_cuda, pays = self._device.type == "cuda", inductor.pays(step, steps)
        if not (on_cuda or pays or inductor.has_compiled()):
            return None
        try:
            with SynchronizationDetector() as detector:
                whole = WholeStep(step, self.to_device, self._dtype, self._device)
        except (AttributeError, NotImplementedError, RuntimeError, TypeError, ValueError):
            return None
        if on_cuda:
            return None if detector.detected else CapturedPass(whole, features, targets)
        if pays or inductor.compiled_before(whole, features, targets):
            return inductor.CompiledPass(whole, features, targets)
        return None
