"""The whole step captured in a CUDA graph: one launch a step.

The step of a small network is some sixty kernels of a few microseconds; launching them one by one takes
longer than running them. Captured, they launch together, and nothing between the first step of an epoch
and the last one waits for the host.

Source: the CUDA semantics notes of PyTorch, "CUDA Graphs": whole-network capture, after warm-up on a
side stream, with a private pool of memory.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harness_torch.epoch_buffers import EpochBuffers
from harness_torch.step import States, WholeStep

__all__ = ["CapturedPass", "Recorder", "capture"]

Replay = Callable[[], None]
Recorder = Callable[[EpochBuffers, list[int]], list[Replay]]

# How many recordings are kept for later runs of the same shapes and rules. Each holds a copy of θ and of
# the state and the memory of a step: no more than two, for two stacks that train at once.
MAX_RECORDINGS = 2


class CapturedPass:
    """See harness.Pass.

    Args:
        step: The whole step.
        features: Features of the training part.
        targets: Targets of the training part.
        recorder: Function that records the next step of an epoch for each of some numbers of
            samples; `capture` by default.
    """

    def __init__(
        self,
        step: WholeStep,
        features: Tensor,
        targets: Tensor,
        recorder: Recorder | None = None,
    ) -> None:
        self._step = step
        self._data = features, targets
        self._recorder = capture if recorder is None else recorder

    def __call__(
        self, theta: Tensor, state: States, order: np.ndarray, lr: np.ndarray, t: np.ndarray
    ) -> tuple[Tensor, States, dict[str, Tensor]]:
        """Writes into θ and the state."""
        step = self._step
        recording = self._recording_of(theta, state, order)
        with torch.no_grad(), recording.lock:
            epoch = recording.epoch
            epoch.load(theta, state, order, step.constants, step.columns(lr, t))
            for _ in range(order.shape[-1] // step.batch_size):
                recording.replays[0]()
            for replay in recording.replays[1:]:  # the last batch may be smaller
                replay()
            return theta, state, epoch.unload(theta, state)

    def _recording_of(self, theta: Tensor, state: States, order: np.ndarray) -> _Recording:
        step = self._step
        # a graph reads its data by their addresses; the buffers keep them from being freed
        data = [(part.data_ptr(), tuple(part.shape)) for part in self._data]
        key = (step.signature, tuple(step.runs), order.shape, tuple(data), self._recorder)
        with _recording_lock:
            if key not in _recordings:
                while len(_recordings) >= MAX_RECORDINGS:
                    _recordings.popitem(last=False)
                _recordings[key] = _Recording(step, self._data, theta, state, order, self._recorder)
            _recordings.move_to_end(key)
            return _recordings[key]


class _Recording:
    """An epoch, and its steps on a whole batch and on the smaller batch that may be left."""

    def __init__(
        self,
        step: WholeStep,
        data: tuple[Tensor, Tensor],
        theta: Tensor,
        state: States,
        order: np.ndarray,
        recorder: Recorder,
    ) -> None:
        self.lock = threading.Lock()
        with torch.no_grad():
            self.epoch = EpochBuffers(step, *data, theta, state, order)
            rest = order.shape[-1] % step.batch_size
            self.replays = recorder(self.epoch, [step.batch_size, *([rest] if rest else [])])


_recordings: OrderedDict[tuple[Any, ...], _Recording] = OrderedDict()
_recording_lock = threading.Lock()  # PyTorch allows one capture at a time in a process


def capture(epoch: EpochBuffers, sizes: list[int]) -> list[Replay]:
    """A CUDA graph of the next step for each number of samples."""
    with torch.cuda.device(epoch.device):
        pool = torch.cuda.graph_pool_handle()  # one for all, since they never run at the same time
        return [_graph(epoch, size, pool).replay for size in sizes]


def _graph(epoch: EpochBuffers, samples: int, pool: Any) -> torch.cuda.CUDAGraph:
    # Libraries initialize themselves at their first calls, which must not be captured
    side: Any = torch.cuda.Stream(epoch.device)  # type: ignore[no-untyped-call]  # PyTorch leaves it untyped
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            epoch.rewind()
            epoch.step(samples)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    # Another stack may train in another thread meanwhile, and may allocate
    with torch.cuda.graph(graph, pool=pool, capture_error_mode="thread_local"):
        epoch.step(samples)
    return graph
