"""Runs optimizers of other libraries, one for each run of a block, on the run's row of θ.

With one optimizer a run, a class that looks at whole parameters sees those of its run alone, and its
state may be anything. The state goes where the run goes (`RunOptimizers`).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from math import prod
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from harness import Block
from harness_torch.random_stream import RandomStream

if TYPE_CHECKING:
    from harness import Network
    from harness_torch.libraries import Library

__all__ = ["LibraryRule", "LibraryUpdater", "RunOptimizer", "RunOptimizers"]


@runtime_checkable
class LibraryRule(Protocol):
    """A component that stands for an optimizer class of another library."""

    @property
    def library(self) -> Library:
        """The library that the class comes from."""

    @property
    def class_name(self) -> str:
        """The class with its module, `torch.optim.NAdam`."""

    @property
    def rate(self) -> float:
        """The base learning rate."""

    def make(self, parameters: Sequence[Tensor]) -> Any:
        """The optimizer of one run. Raises what its class raises."""


class RunOptimizer:
    """The optimizer of one run.

    Args:
        rule: The component, which makes the optimizer.
        theta: The run's row of θ, (P,), at the start.
        shapes: Shape of each parameter.
    """

    def __init__(self, rule: LibraryRule, theta: Tensor, shapes: Sequence[tuple[int, ...]]) -> None:
        self._shapes = shapes
        self._sizes = [prod(shape) for shape in shapes]
        self._randomness = RandomStream(theta).active if rule.library.draws else nullcontext
        self._parameters = [torch.nn.Parameter(piece) for piece in self._pieces(theta)]
        with self._randomness():
            self.optimizer = rule.make(self._parameters)
        self._base = rule.rate
        self._rates = [group.get("lr") for group in self.optimizer.param_groups]

    def step(self, theta: Tensor, gradient: Tensor, lr: float) -> None:
        """One step at the rate `lr`, written into θ, (P,)."""
        if theta.data_ptr() != self._parameters[0].data_ptr():  # the run has moved to another row
            for parameter, piece in zip(self._parameters, self._pieces(theta), strict=True):
                parameter.data = piece
        for group, rate in zip(self.optimizer.param_groups, self._rates, strict=True):
            # Another group may have another rate, which keeps its ratio to the first
            group["lr"] = lr if rate == self._base else rate * (lr / self._base)
        for parameter, piece in zip(self._parameters, self._pieces(gradient), strict=True):
            parameter.grad = piece
        try:
            with self._randomness():
                self.optimizer.step()
        except Exception:  # an error over numbers that are not finite is divergence
            if self._finite(theta, gradient):
                raise
            theta.fill_(torch.nan)
        self._bring_back(theta)

    def _pieces(self, row: Tensor) -> list[Tensor]:
        """The parameters in a row, as views in their shapes."""
        return [p.view(s) for p, s in zip(torch.split(row, self._sizes), self._shapes, strict=True)]

    def _finite(self, *tensors: Tensor) -> bool:
        """Whether these and the optimizer's own numbers are finite."""
        slots = [value for state in self.optimizer.state.values() for value in state.values()]
        numbers = (t for t in (*tensors, *slots) if isinstance(t, Tensor) and t.is_floating_point())
        return all(bool(torch.isfinite(t).all()) for t in numbers)

    def _bring_back(self, theta: Tensor) -> None:
        """Copies parameters back into θ where a class has replaced their memory."""
        address = theta.data_ptr()
        for parameter, size in zip(self._parameters, self._sizes, strict=True):
            if parameter.data_ptr() != address:
                piece = theta.narrow(0, (address - theta.data_ptr()) // theta.itemsize, size)
                piece.copy_(parameter.detach().flatten())
                parameter.data = piece.view(parameter.shape)
            address += size * theta.itemsize


class RunOptimizers:
    """The optimizers of several runs, which the core selects and joins like the rows of an array."""

    def __init__(self, optimizers: Sequence[RunOptimizer]) -> None:
        self.optimizers = list(optimizers)

    def __getitem__(self, rows: Tensor) -> RunOptimizers:
        return RunOptimizers([self.optimizers[row] for row in rows.tolist()])

    def __array_namespace__(self) -> type[RunOptimizers]:
        return RunOptimizers

    @staticmethod
    def concat(several: Sequence[RunOptimizers]) -> RunOptimizers:
        """The optimizers of all, in order."""
        return RunOptimizers([run for part in several for run in part.optimizers])


class LibraryUpdater:
    """Steps the runs of a block; see harness.Updater."""

    def __init__(self, block: Block, network: Network) -> None:
        self._rows = range(block.rows.start, block.rows.stop)
        self._rule = block.rule
        self._shapes = [parameter.shape for parameter in network.parameters]

    def init(self, theta: Tensor) -> RunOptimizers:
        """A new optimizer for each run."""
        return RunOptimizers(
            [RunOptimizer(self._rule, theta[row], self._shapes) for row in self._rows]
        )

    def step(
        self, theta: Tensor, gradient: Tensor, state: RunOptimizers, lr: np.ndarray, t: np.ndarray
    ) -> None:
        """One step, written into θ and the state; t is counted by the optimizers themselves."""
        for row, optimizer in zip(self._rows, state.optimizers, strict=True):
            optimizer.step(theta[row], gradient[row], float(lr[row, 0]))
