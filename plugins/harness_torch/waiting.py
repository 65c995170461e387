"""Notices operations of a rule that wait for the device, which no CUDA graph can hold."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

__all__ = ["Waiting"]

# PyTorch asks the device whether these have succeeded. What asks for a value, such as `nonzero`, is not
# listed: it cannot be called on tensors without values, and so not ahead of its step at all.
ASK = {
    torch.ops.aten._linalg_check_errors,  # of an inverse, a solution, a Cholesky factor
    torch.ops.aten._linalg_eigh,
    torch.ops.aten._linalg_svd,
    torch.ops.aten.linalg_eig,
}


class Waiting(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """found: whether one of them was called within it."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found = False

    def __torch_dispatch__(
        self, function: Any, types: Any, arguments: tuple = (), keywords: Any = None
    ) -> Any:
        self.found = self.found or function.overloadpacket in ASK
        return function(*arguments, **(keywords or {}))
