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

# Both are per run: a matrix product may round differently for another number of rows, and a run must not
# depend on its company. They are small enough for a stack to stay in the cache, and large enough to cost
# a run alone no more than a fiftieth.
CHUNK = 16_384  # features, activations and outputs of a run that are evaluated at a time
OUTPUTS = 4_096  # outputs of a run that are kept until their terms are computed


class Evaluator:
    """Evaluates any runs of a stack on a part of the data.

    Args:
        backend: Backend that the runs train on.
        program: Their network and objective.
        task: Task of the data, which decides the metrics.
        widths: Numbers of a sample: features, and units of all layers.
    """

    def __init__(self, backend: Backend, program: Program, task: Task, widths: int) -> None:
        self._backend = backend
        self._program = program
        self._task = task
        self._widths = widths

    def __call__(
        self, theta: Array, objective: Objective, on: DevicePart, units: UnitMeter | None = None
    ) -> dict[str, np.ndarray]:
        """The terms of the objective, their sum `loss`, and the metrics: (R,) each, by name.

        Args:
            theta: Parameters of the runs, (R, P).
            objective: Objective of just these runs, its factors on the device.
            on: Part of the data.
            units: Meter that gets the hidden layers of each batch.
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
    """Means of the terms of an objective over the samples of several batches.

    Outputs are kept, and their terms are computed for many batches at once: for a small network that
    costs a tenth of the cost step by step.

    Args:
        objective: Objective of the runs, its factors on the device.
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
        """Adds a batch.

        Args:
            forward: What the forward pass kept.
            target: Targets, (R, B, K) or (B, K).
            theta: Parameters of the forward pass, (R, P).
        """
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
        """The mean of each term, and their sum as `loss`, (R,) float64."""
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
            # A sum over thousands of steps: in float32 the rounding would show
            xp = array_namespace(value)
            total = xp.astype(value, xp.float64) * samples
            self._sums[name] = self._sums[name] + total if name in self._sums else total


def means(sums: dict[str, Array], samples: int, backend: Backend) -> dict[str, np.ndarray]:
    """The mean of each term, and their sum as `loss`, (R,) float64.

    Args:
        sums: Sum of each term over the samples, (R,).
        samples: Number of samples.
        backend: Backend that has the sums.
    """
    terms = {
        name: np.asarray(backend.to_host(total), np.float64) / samples
        for name, total in sums.items()
    }
    return {LOSS.name: np.sum(list(terms.values()), axis=0), **terms}
