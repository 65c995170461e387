"""How R networks do on a part of the data: every term of the objective, and the metrics."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.contracts import Array, Backend, Forward, Program, Task, array_namespace
from harness.data import Part
from harness.metrics import evaluate
from harness.objective import Objective

__all__ = ["Evaluator", "TermMeter"]

# Numbers (features, activations, outputs) that a run produces at a time: few enough to stay in the
# cache and to bound memory. It counts a run and not the stack, because a matrix product may round
# differently for another number of rows, and a run must not depend on its company.
CHUNK = 65_536


class Evaluator:
    """Evaluates any runs of a stack on parts whose arrays it has placed on the device."""

    def __init__(self, backend: Backend, program: Program, task: Task, widths: int) -> None:
        self._backend = backend
        self._program = program
        self._task = task
        self._widths = widths  # numbers a sample needs: features and units of all layers
        self._placed: dict[int, tuple[Array, Array]] = {}

    def __call__(self, theta: Array, objective: Objective, part: Part) -> dict[str, np.ndarray]:
        """theta: (R, P). objective: of these runs, placed. Returns (R,) values by name; `loss` is ℒ."""
        features, targets = self._arrays(part)
        rows = max(256, CHUNK // self._widths)
        meter = TermMeter(objective)
        outputs = []
        for start in range(0, len(part), rows):
            x, target = features[start : start + rows], targets[start : start + rows]
            forward = self._program.forward(theta, x)
            meter.add(forward, target, theta)
            outputs.append(self._backend.fetch(forward.output))
        labels = part.targets if self._task is Task.REGRESSION else part.labels
        metrics = evaluate(
            np.concatenate(outputs, axis=1), labels, self._task, objective.loss.output_activation
        )
        return {**meter.means(self._backend), **metrics}

    def _arrays(self, part: Part) -> tuple[Array, Array]:
        if id(part) not in self._placed:
            place = self._backend.place
            self._placed[id(part)] = (place(part.features), place(part.targets))
        return self._placed[id(part)]


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
        if self._kept > CHUNK:
            self._flush()

    def means(self, backend: Backend) -> dict[str, np.ndarray]:
        """(R,) float64 of each term, and their sum as `loss`."""
        self._flush()
        terms = {
            name: np.asarray(backend.fetch(total), np.float64) / self._samples
            for name, total in self._sums.items()
        }
        return {"loss": np.sum(list(terms.values()), axis=0), **terms}

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
