"""Optimizers of other libraries as components: a name, a rate, and the hyperparameters of the class."""

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
    """What both libraries have in common; `library` says which of the two it is.

    name: of the class, as in NAdam. lr: the base rate; null is the default of the class. options: its
    other hyperparameters by name, as in `optimizer.options.betas=[0.9,0.99]`. What is not given has the
    default of the class, and is filled in when the component is made: a run is logged with all of them.
    """

    name: str
    lr: float | None = None
    options: dict[str, Any] = field(default_factory=dict)

    scope: ClassVar[Scope] = Scope.BACKEND
    search_space: ClassVar[Mapping[str, Range]] = {
        "lr": Range(1e-5, 1, "log", "what the class takes it for")
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
    def called(self) -> str:
        """The full name of the class."""
        return f"{self.library.module}.{self.name}"

    def check(self, backend: Any, network: Network) -> None:
        """Takes a few steps with it on a few numbers. Raises ConfigurationError where that fails."""
        if not isinstance(backend, Torch):
            self._refuse()
        from harness_torch.rehearsal import try_steps

        try_steps(self, backend, network.bias)

    def made(self, parameters: Sequence[Tensor]) -> Any:
        """The optimizer of one run. Raises what its class raises."""
        groups: Sequence[Any] = parameters
        if self.name in TOLD and self.library is PYTORCH_OPTIMIZER:
            matrices = [p for p in parameters if p.ndim == 2]
            others = [p for p in parameters if p.ndim != 2]
            told = [{"params": matrices, "use_muon": True}, {"params": others, "use_muon": False}]
            groups = [group for group in told if group["params"]]
        return self.library.find(self.name)(groups, lr=self.rate, **self.options)

    def init(self, theta: Array) -> State:
        """No formula: raises ConfigurationError, since a backend that calls it cannot run the class."""
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


# They ask which parameters are matrices for their own rule; the others get the AdamW within them
TOLD = {"AdaGO", "AdaMuon", "DistributedMuon", "Muon", "MuonClip", "NorMuon"}


@dataclass(frozen=True)
class TorchOptim(Bridge):
    """A class of torch.optim, on the PyTorch backend.

        optimizer=torch optimizer.name=NAdam optimizer.options.momentum_decay=0.01

    Each run has an optimizer of its own, which sees its weights (fan_out, fan_in) and biases (fan_out,).
    """

    library: ClassVar[Library] = TORCH_OPTIM


@dataclass(frozen=True)
class PytorchOptimizer(Bridge):
    """A class of the package pytorch_optimizer, on the PyTorch backend.

        optimizer=pytorch_optimizer optimizer.name=Lion backend=torch

    Each run has an optimizer of its own, which sees its weights (fan_out, fan_in) and biases (fan_out,),
    and random numbers of its own. A class of the Muon family takes the weights; its AdamW, the biases.
    """

    library: ClassVar[Library] = PYTORCH_OPTIMIZER
