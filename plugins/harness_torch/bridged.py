"""Runs optimizers of other libraries, one for each run of a block, on the run's row of θ.

One optimizer a run: what looks at a whole parameter, or at all of them, sees those of its run alone, and
keeps in its own state whatever it likes. That state goes where the run goes (`Instances`).
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
from harness_torch.draws import Draws

if TYPE_CHECKING:
    from harness import Network
    from harness_torch.libraries import Library

__all__ = ["Bridged", "Instance", "Instances", "LibraryRule"]


@runtime_checkable
class LibraryRule(Protocol):
    """A component that stands for an optimizer class of another library."""

    @property
    def library(self) -> Library:
        """The library that the class comes from."""

    @property
    def called(self) -> str:
        """The full name of the class."""

    @property
    def rate(self) -> float:
        """The base learning rate."""

    def made(self, parameters: Sequence[Tensor]) -> Any:
        """The optimizer of one run. Raises what its class raises."""


class Instance:
    """The optimizer of one run. theta: the run's row, (P,), where it starts. shapes: of parameters."""

    def __init__(self, rule: LibraryRule, theta: Tensor, shapes: Sequence[tuple[int, ...]]) -> None:
        self._shapes = shapes
        self._sizes = [prod(shape) for shape in shapes]
        self._drawing = Draws(theta).lent if rule.library.draws else nullcontext
        self._parameters = [torch.nn.Parameter(piece) for piece in self._pieces(theta)]
        with self._drawing():
            self.optimizer = rule.made(self._parameters)
        self._base = rule.rate
        self._rates = [group.get("lr") for group in self.optimizer.param_groups]

    def step(self, theta: Tensor, gradient: Tensor, lr: float) -> None:
        """One step at the rate `lr`, written into θ. theta, gradient: (P,)."""
        if theta.data_ptr() != self._parameters[0].data_ptr():  # the run has another row now
            for parameter, piece in zip(self._parameters, self._pieces(theta), strict=True):
                parameter.data = piece
        for group, rate in zip(self.optimizer.param_groups, self._rates, strict=True):
            # a second group has a rate of its own, which keeps its proportion
            group["lr"] = lr if rate == self._base else rate * (lr / self._base)
        for parameter, piece in zip(self._parameters, self._pieces(gradient), strict=True):
            parameter.grad = piece
        try:
            with self._drawing():
                self.optimizer.step()
        except Exception:  # what a class raises of numbers that are not finite is divergence
            if self._finite(theta, gradient):
                raise
            theta.fill_(torch.nan)
        self._bring_back(theta)

    def _pieces(self, row: Tensor) -> list[Tensor]:
        """Each parameter with its shape: views of a row."""
        return [p.view(s) for p, s in zip(torch.split(row, self._sizes), self._shapes, strict=True)]

    def _finite(self, *tensors: Tensor) -> bool:
        """Whether these and the optimizer's own numbers are."""
        own = [value for slots in self.optimizer.state.values() for value in slots.values()]
        numbers = (t for t in (*tensors, *own) if isinstance(t, Tensor) and t.is_floating_point())
        return all(bool(torch.isfinite(t).all()) for t in numbers)

    def _bring_back(self, theta: Tensor) -> None:
        """What a class has put in the place of a parameter's memory is copied into θ."""
        place = theta.data_ptr()
        for parameter, size in zip(self._parameters, self._sizes, strict=True):
            if parameter.data_ptr() != place:
                piece = theta.narrow(0, (place - theta.data_ptr()) // theta.itemsize, size)
                piece.copy_(parameter.detach().flatten())
                parameter.data = piece.view(parameter.shape)
            place += size * theta.itemsize


class Instances:
    """One optimizer a row: what the core picks and joins as it does the rows of an array."""

    def __init__(self, each: Sequence[Instance]) -> None:
        self.each = list(each)

    def __getitem__(self, rows: Tensor) -> Instances:
        return Instances([self.each[row] for row in rows.tolist()])

    def __array_namespace__(self) -> type[Instances]:
        return Instances

    @staticmethod
    def concat(several: Sequence[Instances]) -> Instances:
        """The rows of all, in their order."""
        return Instances([one for instances in several for one in instances.each])


class Bridged:
    """Steps the runs of a block; see harness.Updater."""

    def __init__(self, block: Block, network: Network) -> None:
        self._rows = range(block.rows.start, block.rows.stop)
        self._rule = block.rule
        self._shapes = [parameter.shape for parameter in network.parameters]

    def init(self, theta: Tensor) -> Instances:
        """An optimizer for each run, which remembers nothing yet."""
        return Instances([Instance(self._rule, theta[row], self._shapes) for row in self._rows])

    def step(
        self, theta: Tensor, gradient: Tensor, state: Instances, lr: np.ndarray, t: np.ndarray
    ) -> None:
        """One step, written into θ and the state; t is counted by the optimizers themselves."""
        for row, instance in zip(self._rows, state.each, strict=True):
            instance.step(theta[row], gradient[row], float(lr[row, 0]))
