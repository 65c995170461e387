"""The whole step captured in a CUDA graph: one launch a step.

The step of a small network is some sixty kernels of a few microseconds; starting them one by one takes
longer than running them. Captured, they start together, and nothing between the first step of an epoch
and its last waits for the host.

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

from harness_torch.static_epoch import StaticEpoch
from harness_torch.step import States, WholeStep

__all__ = ["CapturedPass", "Recorder", "capture"]

Replay = Callable[[], None]
Recorder = Callable[[StaticEpoch, list[int]], list[Replay]]

# Graphs are kept for the next runs of the same shapes and rules. Each holds a copy of θ and of the state
# and the memory of a step: two, for two stacks in training at once, and no more.
KEPT = 2


class CapturedPass:
    """See harness.Pass. features, targets: the training part.

    recorder: makes of an epoch and of numbers of samples what runs its next step on so many.
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
        recorded = self._recorded(theta, state, order)
        with torch.no_grad(), recorded.lock:
            epoch = recorded.epoch
            epoch.load(theta, state, order, step.constants, step.columns(lr, t))
            for _ in range(order.shape[-1] // step.batch_size):
                recorded.replays[0]()
            for replay in recorded.replays[1:]:  # the last batch may be smaller
                replay()
            return theta, state, epoch.unload(theta, state)

    def _recorded(self, theta: Tensor, state: States, order: np.ndarray) -> _Recorded:
        step = self._step
        # a graph reads its data where they are; the epoch keeps them from being freed
        data = [(part.data_ptr(), tuple(part.shape)) for part in self._data]
        key = (step.signature, tuple(step.runs), order.shape, tuple(data), self._recorder)
        with _recording:
            if key not in _kept:
                while len(_kept) >= KEPT:
                    _kept.popitem(last=False)
                _kept[key] = _Recorded(step, self._data, theta, state, order, self._recorder)
            _kept.move_to_end(key)
            return _kept[key]


class _Recorded:
    """An epoch, and its steps on a whole batch and on the smaller one that may be left."""

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
            self.epoch = StaticEpoch(step, *data, theta, state, order)
            rest = order.shape[-1] % step.batch_size
            self.replays = recorder(self.epoch, [step.batch_size, *([rest] if rest else [])])


_kept: OrderedDict[tuple[Any, ...], _Recorded] = OrderedDict()
_recording = threading.Lock()  # one capture at a time in a process, says PyTorch


def capture(epoch: StaticEpoch, sizes: list[int]) -> list[Replay]:
    """A CUDA graph of the next step for each number of samples."""
    with torch.cuda.device(epoch.device):
        pool = torch.cuda.graph_pool_handle()  # one for all: they never run at the same time
        return [_graph(epoch, size, pool).replay for size in sizes]


def _graph(epoch: StaticEpoch, samples: int, pool: Any) -> torch.cuda.CUDAGraph:
    # Libraries set themselves up at their first calls, which must not be captured
    side: Any = torch.cuda.Stream(epoch.device)  # type: ignore[no-untyped-call]
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
