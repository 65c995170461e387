"""The PyTorch backend: gradients by autograd; whole steps captured on CUDA, compiled on a CPU.

Also the optimizers of torch.optim and of pytorch_optimizer, which only this backend can run.
"""

import harness
from harness_torch.backend import Torch
from harness_torch.bridge import PytorchOptimizer, TorchOptim

__all__ = ["PytorchOptimizer", "Torch", "TorchOptim"]

harness_contract = 1


@harness.hookimpl
def harness_backends() -> dict[str, type]:
    """One backend, `torch`."""
    return {"torch": Torch}


@harness.hookimpl
def harness_optimizers() -> dict[str, type]:
    """The classes of each library, chosen by name."""
    return {"torch": TorchOptim, "pytorch_optimizer": PytorchOptimizer}
