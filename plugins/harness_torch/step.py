"""The whole step of a stack as a function of tensors, which is captured or compiled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from harness import Block, State, Turn, kind_of, update
from harness_torch.columns import evaluate, leaves, record, replay, symbolic
from harness_torch.program import TorchProgram

if TYPE_CHECKING:
    from harness import Step

__all__ = ["States", "WholeStep", "slots"]

States = list[list[State]]  # state of each block, and within it of each piece that its rule sees


class WholeStep:
    """Gather, forward, backward, update, and the sums of the terms, all in place.

    Steps with the same `signature` differ only in numbers, which `constants` and `columns` hold: one
    compilation serves them all. Raises TypeError, AttributeError or RuntimeError for a rule that
    cannot be called without numbers.

    Args:
        step: The step.
        to_device: Puts a factor of the objective on the device.
        dtype: Precision of θ.
        device: The device.
    """

    def __init__(
        self,
        step: Step,
        to_device: Callable[[np.ndarray], Tensor],
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self.batch_size = step.batch_size
        self.constants: list[Tensor] = []
        step.objective.map_factors(lambda factor: self._keep(to_device(factor)))
        rows = [(block.rows.start, block.rows.stop) for block in step.blocks]
        groups = list(dict.fromkeys(rows))
        self.runs = [
            stop - start for start, stop in groups
        ]  # of each chain, a rule with its wrappers
        self.group_of = [groups.index(span) for span in rows]  # of each block
        self._network = step.network
        self._objective = step.objective
        self._blocks = list(step.blocks)
        self._dtype = dtype
        self._device = device
        self._materialized = [record(block.rule, step.network, dtype) for block in step.blocks]
        self.terms = self._term_names()
        self.signature = repr(
            (
                step.network,
                step.objective.name,
                _identity(step.objective.loss),
                [(term.name, _identity(term.loss)) for term in step.objective.auxiliary],
                step.objective.weight_decay is not None,
                [(kind_of(block.rule), block.turn) for block in step.blocks],
                self.group_of,
                step.batch_size,
                dtype,
            )
        )

    def columns(self, lr: np.ndarray, t: np.ndarray) -> list[Tensor]:
        """The columns of each block at S steps, (S, C, rows).

        Args:
            lr: Rates, (S, R).
            t: Number of the first step, (R, 1).
        """
        return [
            evaluate(materialized, leaves(block, lr, t), self._dtype).to(self._device)
            for materialized, block in zip(self._materialized, self._blocks, strict=True)
        ]

    def __call__(
        self,
        theta: Tensor,
        features: Tensor,
        targets: Tensor,
        rows: Tensor,
        sums: Tensor,
        constants: Sequence[Tensor],
        columns: Sequence[Tensor],
        state: States,
    ) -> None:
        """One step on a batch; writes into θ, the state and the sums.

        Args:
            theta: θ, (R, P).
            features: Features of the training part, (N, F).
            targets: Targets of the training part, (N, K).
            rows: Rows of the batch, (R, B) or (B,).
            sums: Sums of the terms, (terms, R) float64, to which this batch is added.
            constants: Factors of the objective, (R,) each.
            columns: Columns of each block, (C, rows).
            state: State of each block.
        """
        x, target = features[rows], targets[rows]
        factors = iter(constants)
        objective = self._objective.map_factors(lambda _: next(factors))
        program = TorchProgram(self._network, objective)
        forward, gradient = program.gradient(theta, x, target)
        with torch.no_grad():
            terms = torch.stack(list(objective.terms(forward, target, theta).values()))
            sums += terms.to(torch.float64) * rows.shape[-1]
            start = before = 0
            for number, (block, materialized, values, slots) in enumerate(
                zip(self._blocks, self._materialized, columns, state, strict=True)
            ):
                if number and self.group_of[number] != self.group_of[number - 1]:
                    start += before
                before = values.shape[-1]
                rule, lr, t = symbolic(block.rule, replay(materialized, values))
                first, second = (part.narrow(0, start, before) for part in (theta, gradient))
                if block.turn is Turn.GRADIENT:  # it changes the gradient, and reads θ
                    first, second = second, first
                update.apply(Block(slice(None), rule), first, second, slots, lr, t, self._network)

    def _keep(self, constant: Tensor) -> Tensor:
        self.constants.append(constant)
        return constant

    def _term_names(self) -> list[str]:
        """The names from a forward pass without numbers: some terms depend on the network."""
        runs, (width, *_, outputs) = sum(self.runs), self._network.sizes
        theta, x, target = (
            torch.empty(shape, dtype=self._dtype, device="meta")
            for shape in ((runs, self._network.size), (1, width), (1, outputs))
        )
        objective = self._objective.map_factors(lambda f: torch.empty(f.shape, device="meta"))
        forward = TorchProgram(self._network, objective).forward(theta, x)
        return list(objective.terms(forward, target, theta))


def slots(state: States) -> list[Tensor]:
    """All arrays of a state."""
    return [slot for pieces in state for piece in pieces for slot in piece.values()]


def _identity(component: Any) -> tuple[str, str]:
    """Module and repr of a component; the repr of a dataclass lacks only the module."""
    return type(component).__module__, repr(component)
