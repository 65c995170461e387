"""Random numbers for code that draws them from the generators of the process."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = ["RandomStream"]

_global = threading.Lock()  # the generators of the process serve one stream at a time


class RandomStream:
    """The random numbers of one run, which go on where they ended the last time.

    The seed is a checksum of the run's first θ, which its own seed decides: so neither other draws nor
    other runs of the stack change anything.

    Args:
        theta: The run's first θ, (P,).
    """

    def __init__(self, theta: Tensor) -> None:
        seed = zlib.crc32(theta.detach().cpu().numpy().tobytes())
        self._devices = [theta.device] if theta.is_cuda else []
        self._states: list[Any] = [
            np.random.RandomState(seed).get_state(),
            *(
                torch.Generator(device).manual_seed(seed).get_state()
                for device in (torch.device("cpu"), *self._devices)
            ),
        ]

    @contextmanager
    def active(self) -> Iterator[None]:
        """The generators of PyTorch and NumPy draw from this stream within it."""
        with _global:
            before = self._read()
            self._write(self._states)
            try:
                yield
            finally:
                self._states = self._read()
                self._write(before)

    def _read(self) -> list[Any]:
        of_devices = [torch.cuda.get_rng_state(device) for device in self._devices]
        return [np.random.get_state(), torch.get_rng_state(), *of_devices]  # noqa: NPY002 - as below

    def _write(self, states: list[Any]) -> None:
        of_numpy, of_torch, *of_devices = states
        np.random.set_state(of_numpy)  # noqa: NPY002 - optimizers draw from the global one
        torch.set_rng_state(of_torch)
        for device, state in zip(self._devices, of_devices, strict=True):
            torch.cuda.set_rng_state(state, device)
