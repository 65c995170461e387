"""The buffers of an epoch. They stay where they are, so that a recorded step can be replayed on them.

A replayed step runs without Python: it finds its batch, its learning rate and its number through
counters on the device, which it advances itself. Everything is copied into the buffers before an epoch,
and the results are copied out after it: so the results belong to the caller, and one record serves any
stack with the same shapes and rules.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from harness_torch.step import States, WholeStep, slots

__all__ = ["EpochBuffers"]


class EpochBuffers:
    """The buffers of an epoch.

    Args:
        step: The whole step.
        features: Features of the training part, (N, F); not copied.
        targets: Targets of the training part, (N, K); not copied.
        theta: An array like θ, (R, P).
        state: Arrays like the state.
        order: An array like the order of the samples, (R, N) or (N,).
    """

    def __init__(
        self,
        step: WholeStep,
        features: Tensor,
        targets: Tensor,
        theta: Tensor,
        state: States,
        order: np.ndarray,
    ) -> None:
        self.device = theta.device
        self._step = step
        self._data = features, targets
        self._theta = torch.zeros_like(theta)
        self._state = [
            [{name: torch.zeros_like(slot) for name, slot in piece.items()} for piece in pieces]
            for pieces in state
        ]
        self._constants = [torch.zeros_like(constant) for constant in step.constants]
        runs, steps = theta.shape[0], -(-order.shape[-1] // step.batch_size)
        self._columns = step.columns(np.zeros((steps, runs)), np.ones((runs, 1)))
        self._order = theta.new_zeros(order.shape, dtype=torch.int64)
        self._sums = theta.new_zeros((len(step.terms), runs), dtype=torch.float64)
        self._first_batch = torch.arange(step.batch_size, device=theta.device)
        self._batch = self._first_batch.clone()  # positions in the order
        self._number = theta.new_zeros(1, dtype=torch.int64)

    def load(
        self,
        theta: Tensor,
        state: States,
        order: np.ndarray,
        constants: Sequence[Tensor],
        columns: Sequence[Tensor],
    ) -> None:
        """Copies the inputs of an epoch."""
        self._theta.copy_(theta)
        self._order.copy_(torch.tensor(order))  # a copy, since PyTorch warns of read-only arrays
        for buffers, values in (
            (slots(self._state), slots(state)),
            (self._constants, constants),
            (self._columns, columns),
        ):
            for buffer, value in zip(buffers, values, strict=True):
                buffer.copy_(value)
        self.rewind()

    def rewind(self) -> None:
        """Goes back to the first step of the epoch."""
        self._batch.copy_(self._first_batch)
        self._number.zero_()
        self._sums.zero_()

    def step(self, samples: int) -> None:
        """The next step, on a batch of `samples` samples; it never synchronizes with the device."""
        rows = self._order.index_select(-1, self._batch[:samples])
        columns = [values.index_select(0, self._number)[0] for values in self._columns]
        self._step(
            self._theta, *self._data, rows, self._sums, self._constants, columns, self._state
        )
        self._batch += self._first_batch.shape[0]
        self._number += 1

    def unload(self, theta: Tensor, state: States) -> dict[str, Tensor]:
        """Copies the results of the epoch; returns the sums of the terms."""
        theta.copy_(self._theta)
        for slot, buffer in zip(slots(state), slots(self._state), strict=True):
            slot.copy_(buffer)
        return dict(zip(self._step.terms, self._sums.clone(), strict=True))
