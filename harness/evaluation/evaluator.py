"""How R networks do on a part of the data: every term of the objective, and the metrics."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.backends import Backend, Program
from harness.contracts import Array, Forward, Task, array_namespace
from harness.data.on_device import DevicePart
from harness.evaluation.diagnostics import UnitMeter
from harness.evaluation.metrics import LOSS, evaluate
from harness.model.objective import Objective

__all__ = ["Evaluator", "TermMeter", "means"]

# Numbers (features, activations, outputs) of a run in an evaluation at a time, and of its outputs that
# are kept to be summed up: few enough for those of a stack to stay in the cache, without costing a run
# alone more than a fiftieth. They count a run and not the stack, because a matrix product may round
# differently for another number of rows, and a run must not depend on its company.
CHUNK = 16_384
OUTPUTS = 4_096


class Evaluator:
    """Evaluates any runs of a stack on a part of the data."""

    def __init__(self, backend: Backend, program: Program, task: Task, widths: int) -> None:
        self._backend = backend
        self._program = program
        self._task = task
        self._widths = widths  # numbers a sample needs: features and units of all layers

    def __call__(
        self, theta: Array, objective: Objective, on: DevicePart, units: UnitMeter | None = None
    ) -> dict[str, np.ndarray]:
        """theta: (R, P). objective: of these runs, placed. units: sees the hidden layers on the way.

        Returns (R,) values by name; `loss` is ℒ.
        """
        rows = max(128, CHUNK // self._widths)
        meter = TermMeter(objective)
        outputs = []
        for start in range(0, len(on), rows):
            x, target = on.features[start : start + rows], on.targets[start : start + rows]
            forward = self._program.forward(theta, x)
            meter.add(forward, target, theta)
            if units is not None:
                units.add(forward)
            outputs.append(self._backend.to_host(forward.output))
        labels = on.part.targets if self._task is Task.REGRESSION else on.part.labels
        metrics = evaluate(
            np.concatenate(outputs, axis=1), labels, self._task, objective.loss.output_activation
        )
        return {**meter.means(self._backend), **metrics}


class TermMeter:
    """Sample means of the terms of an objective over several batches.

    Outputs are kept and their terms computed for many batches at once, which costs a small network a
    tenth of doing so step by step.
    """

    def __init__(self, objective: Objective) -> None:
        self._objective = objective
        self._by_batch = objective.reads_more_than_outputs
        self._sums: dict[str, Array] = {}
        self._samples = 0
        self._outputs: list[Array] = []
        self._targets: list[Array] = []
        self._kept = 0

    def add(self, forward: Forward, target: Array, theta: Array) -> None:
        """Adds a batch: what the forward pass of `theta`, (R, P), gave for it."""
        output = forward.output
        _, samples, width = output.shape
        self._outputs.append(output)
        self._targets.append(target)
        self._samples += samples
        self._kept += samples * width
        if self._by_batch:
            self._accumulate(self._objective.hidden_terms(forward.hidden), samples)
            self._accumulate(self._objective.decay_terms(theta), samples)
        if self._kept > OUTPUTS:
            self._flush()

    def means(self, backend: Backend) -> dict[str, np.ndarray]:
        """(R,) float64 of each term, and their sum as `loss`."""
        self._flush()
        return means(self._sums, self._samples, backend)

    def _flush(self) -> None:
        if not self._outputs:
            return
        xp = array_namespace(self._outputs[0])
        output = xp.concat(self._outputs, axis=1)
        target = xp.concat(self._targets, axis=-2)
        self._accumulate(self._objective.output_terms(output, target), output.shape[1])
        self._outputs, self._targets, self._kept = [], [], 0

    def _accumulate(self, terms: dict[str, Any], samples: int) -> None:
        for name, value in terms.items():
            # Thousands of steps are summed up: in float32 the rounding would show
            xp = array_namespace(value)
            added = xp.astype(value, xp.float64) * samples
            self._sums[name] = self._sums[name] + added if name in self._sums else added


def means(sums: dict[str, Array], samples: int, backend: Backend) -> dict[str, np.ndarray]:
    """From sums over samples: (R,) float64 of each term, and their sum as `loss`."""
    terms = {
        name: np.asarray(backend.to_host(total), np.float64) / samples
        for name, total in sums.items()
    }
    return {LOSS.name: np.sum(list(terms.values()), axis=0), **terms}
