"""The PyTorch backend: gradients by autograd; whole steps captured on CUDA, compiled on a CPU."""

import harness
from harness_torch.backend import Torch

__all__ = ["Torch"]

harness_contract = 1


@harness.hookimpl
def harness_backends() -> dict[str, type]:
    """One backend, `torch`."""
    return {"torch": Torch}
