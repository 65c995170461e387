"""The whole step of a stack as a function of tensors: what is captured or compiled."""

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

States = list[list[State]]  # of each block, of each piece that its rule sees


class WholeStep:
    """Gather, forward, backward, update, and the terms added up, all of it in place.

    Steps with the same `signature` differ only in numbers, which `constants` and `columns` hold: one
    compilation serves them all. Raises TypeError, AttributeError or RuntimeError for a rule that
    cannot be called ahead of its steps.
    """

    def __init__(
        self,
        step: Step,
        place: Callable[[np.ndarray], Tensor],
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self.batch_size = step.batch_size
        self.constants: list[Tensor] = []
        step.objective.map_factors(lambda factor: self._keep(place(factor)))
        rows = [(block.rows.start, block.rows.stop) for block in step.blocks]
        groups = list(dict.fromkeys(rows))
        self.runs = [stop - start for start, stop in groups]  # of each rule, with its wrappers
        self.group_of = [groups.index(own) for own in rows]  # of each block
        self._network = step.network
        self._objective = step.objective
        self._blocks = list(step.blocks)
        self._dtype = dtype
        self._device = device
        self._met = [record(block.rule, step.network, dtype) for block in step.blocks]
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
        """Of each block the (S, C, rows) columns of S steps. lr: (S, R). t: (R, 1), of the first."""
        return [
            evaluate(met, leaves(block, lr, t), self._dtype).to(self._device)
            for met, block in zip(self._met, self._blocks, strict=True)
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
        """One step on a batch.

        theta: (R, P). rows: of the data, (R, B) or (B,). sums: (terms, R) float64, to which this batch
        is added. constants: factors of the objective, (R,). columns: of each block, (C, rows). θ, the
        state and the sums are written into.
        """
        x, target = features[rows], targets[rows]
        placed = iter(constants)
        objective = self._objective.map_factors(lambda _: next(placed))
        program = TorchProgram(self._network, objective)
        forward, gradient = program.gradient(theta, x, target)
        with torch.no_grad():
            terms = torch.stack(list(objective.terms(forward, target, theta).values()))
            sums += terms.to(torch.float64) * rows.shape[-1]
            start = before = 0
            for number, (block, met, values, slots) in enumerate(
                zip(self._blocks, self._met, columns, state, strict=True)
            ):
                if number and self.group_of[number] != self.group_of[number - 1]:
                    start += before
                before = values.shape[-1]
                rule, lr, t = symbolic(block.rule, replay(met, values))
                own = [part.narrow(0, start, before) for part in (theta, gradient)]
                changed, other = own[::-1] if block.turn is Turn.GRADIENT else own
                update.apply(Block(slice(None), rule), changed, other, slots, lr, t, self._network)

    def _keep(self, constant: Tensor) -> Tensor:
        self.constants.append(constant)
        return constant

    def _term_names(self) -> list[str]:
        """From a pass without numbers: the objective leaves out terms that read what is not there."""
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
    """Components are dataclasses: their repr is complete but for the module."""
    return type(component).__module__, repr(component)
