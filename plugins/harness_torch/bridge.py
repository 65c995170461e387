"""Optimizers of other libraries as components: a class, its rate and its other hyperparameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from harness import Array, ConfigurationError, Range, Scope, State, check_range
from harness_torch.backend import Torch
from harness_torch.libraries import PYTORCH_OPTIMIZER, TORCH_OPTIM, Library

if TYPE_CHECKING:
    from torch import Tensor

    from harness import Network

__all__ = ["Bridge", "PytorchOptimizer", "TorchOptim"]


@dataclass(frozen=True)
class Bridge:
    """The common part of both libraries; `library` says which of the two it is.

    Values that are not given have the default of the class. They are filled in when the component
    is made, so a run is logged with all of them.

    Attributes:
        name: Name of the class, as in NAdam.
        lr: Base learning rate η, above 0; null is the default of the class.
        options: Other hyperparameters of the class by name, as in
            `optimizer.options.betas=[0.9,0.99]`.
    """

    name: str
    lr: float | None = None
    options: dict[str, Any] = field(default_factory=dict)

    scope: ClassVar[Scope] = Scope.BACKEND
    search_space: ClassVar[Mapping[str, Range]] = {
        "lr": Range(1e-5, 1, "log", "as the class uses it")
    }
    library: ClassVar[Library]

    def __post_init__(self) -> None:
        lr, options = self.library.resolved(self.name, self.lr, self.options)
        object.__setattr__(self, "lr", lr)
        object.__setattr__(self, "options", options)
        check_range(self, "lr", 0, closed="neither")

    @property
    def rate(self) -> float:
        """The base rate, which is known once the component is made."""
        assert self.lr is not None
        return self.lr

    @property
    def class_name(self) -> str:
        """The class with its module, `torch.optim.NAdam`."""
        return f"{self.library.module}.{self.name}"

    def check(self, backend: Any, network: Network) -> None:
        """Takes a few steps on a few numbers. Raises ConfigurationError where that fails."""
        if not isinstance(backend, Torch):
            self._refuse()
        from harness_torch.try_steps import try_steps

        try_steps(self, backend, network.bias)

    def make(self, parameters: Sequence[Tensor]) -> Any:
        """The optimizer of one run. Raises what its class raises."""
        groups: Sequence[Any] = parameters
        if self.name in NEEDS_USE_MUON and self.library is PYTORCH_OPTIMIZER:
            matrices = [p for p in parameters if p.ndim == 2]
            biases = [p for p in parameters if p.ndim != 2]
            pair = [{"params": matrices, "use_muon": True}, {"params": biases, "use_muon": False}]
            groups = [group for group in pair if group["params"]]
        return self.library.find(self.name)(groups, lr=self.rate, **self.options)

    def init(self, theta: Array) -> State:
        """Raises ConfigurationError: it is no formula, and a backend that calls this cannot run it."""
        self._refuse()

    def step(
        self, theta: Array, gradient: Array, state: State, *, lr: Any, t: Any
    ) -> tuple[Array, State]:
        """As `init`."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise ConfigurationError(
            f"optimizer={self.library.optimizer} runs classes of {self.library.module}, which only "
            f"backend=torch can. Add backend=torch, or choose another optimizer: see `harness plugins`."
        )


# Their groups must say which parameters are matrices; the others get the AdamW within these classes
NEEDS_USE_MUON = {"AdaGO", "AdaMuon", "DistributedMuon", "Muon", "MuonClip", "NorMuon"}


@dataclass(frozen=True)
class TorchOptim(Bridge):
    """A class of torch.optim, on the PyTorch backend.

        optimizer=torch optimizer.name=NAdam optimizer.options.momentum_decay=0.01

    Each run has an optimizer of its own, which sees its weights (fan_out, fan_in) and biases (fan_out,).

    Attributes:
        name: Name of the class, as in NAdam.
        lr: Base learning rate η, above 0; null is the default of the class.
        options: Other hyperparameters of the class by name, as in
            `optimizer.options.betas=[0.9,0.99]`.
    """

    library: ClassVar[Library] = TORCH_OPTIM


@dataclass(frozen=True)
class PytorchOptimizer(Bridge):
    """A class of the package pytorch_optimizer, on the PyTorch backend.

        optimizer=pytorch_optimizer optimizer.name=Lion backend=torch

    Each run has an optimizer of its own, which sees its weights (fan_out, fan_in) and biases (fan_out,),
    and random numbers of its own. A class of the Muon family takes the weights, its AdamW the biases.

    Attributes:
        name: Name of the class, as in Lion.
        lr: Base learning rate η, above 0; null is the default of the class.
        options: Other hyperparameters of the class by name, as in
            `optimizer.options.betas=[0.9,0.98]`.
    """

    library: ClassVar[Library] = PYTORCH_OPTIMIZER
