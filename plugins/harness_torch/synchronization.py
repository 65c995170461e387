"""Detects operations of a rule that synchronize with the device, which no CUDA graph can hold."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

__all__ = ["SYNCHRONIZING", "SynchronizationDetector"]

# PyTorch waits for the device to know whether these have succeeded. Operations that wait for a value,
# such as `nonzero`, are not listed: they fail on tensors without values, so before any step.
SYNCHRONIZING = {
    torch.ops.aten._linalg_check_errors,  # of an inverse, a solution, a Cholesky factor
    torch.ops.aten._linalg_eigh,
    torch.ops.aten._linalg_svd,
    torch.ops.aten.linalg_eig,
}


class SynchronizationDetector(TorchDispatchMode):  # type: ignore[no-untyped-call]  # PyTorch leaves it untyped
    """Detects calls of `SYNCHRONIZING` operations within its context.

    Attributes:
        detected: Whether one of `SYNCHRONIZING` was called.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # PyTorch leaves it untyped
        self.detected = False

    def __torch_dispatch__(
        self, function: Any, types: Any, arguments: tuple = (), keywords: Any = None
    ) -> Any:
        self.detected = self.detected or function.overloadpacket in SYNCHRONIZING
        return function(*arguments, **(keywords or {}))
