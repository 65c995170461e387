"""The training that the suite does. All of it but the component under test is the suite's own.

So what goes wrong in it is the fault of that component, whatever else is installed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np

from harness.contracts import Array, Data, Horizon, Layer, Task, array_namespace
from harness.data import Prepared, Split, prepare
from harness.mlp import Mlp
from harness.placed import Placed
from harness.records import Ended, Epoch
from harness.settings import Config, ObjectiveSettings, Run, Training
from harness.stopping import Stopping
from harness.testing.update_rules import Bounded, Momentum, Normalised
from harness.training import train

__all__ = ["SquaredError", "Trained", "trained"]


@dataclass(frozen=True)
class SquaredError:
    """1/BK Σ (f(x) − y)²."""

    tasks: ClassVar[frozenset[Task]] = frozenset({Task.REGRESSION})
    default_for: ClassVar[frozenset[Task]] = frozenset()
    output_activation: ClassVar[str] = "identity"

    def value(self, output: Array, target: Array) -> Array:
        """(R,)."""
        error = output - target
        return array_namespace(output).mean(error * error, axis=(-2, -1))

    def gradient(self, output: Array, target: Array) -> Array:
        """(R, B, K)."""
        return (output - target) * (2 / (output.shape[-2] * output.shape[-1]))


@dataclass(frozen=True)
class Gaussian:
    """N(0, 1 / fan_in)."""

    def sample(self, shape: tuple[int, ...], layer: Layer, rng: np.random.Generator) -> np.ndarray:
        """See harness.Initializer."""
        return rng.normal(0.0, layer.fan_in**-0.5, shape)


@dataclass(frozen=True)
class Falling:
    """The rate falls by half in the run, so that every step has its own."""

    def factor(self, step: np.ndarray, horizon: Horizon) -> np.ndarray:
        """From 1 to ½."""
        return 1 - 0.5 * step / max(horizon.steps, 1)


@dataclass(frozen=True)
class Waves:
    """Two smooth functions of three features."""

    task: ClassVar[Task] = Task.REGRESSION

    def load(self) -> Data:
        """44 rows: the last batch of an epoch is smaller than the others."""
        x = np.random.default_rng(1).normal(size=(44, 3))
        y = np.column_stack([np.sin(x).sum(-1), np.cos(x[:, 0] * x[:, 1])])
        return Data(x, y, source="the conformance suite")


@dataclass(frozen=True)
class NoAuxiliary:
    """No auxiliary losses."""


@dataclass(frozen=True)
class Trained:
    """θ at the end, (R, P), and of each run its `train/loss` by epoch, (R, epochs)."""

    theta: np.ndarray
    losses: np.ndarray


WRAPPED = (Momentum, Normalised, Bounded)


@cache
def _prepared() -> Prepared:
    return prepare(Waves().load(), Task.REGRESSION, "identity", Split())


def trained(backend: Any, optimizers: Sequence[Any], seeds: Sequence[int]) -> Trained:
    """Trains one run for each optimizer and seed as a stack, by the core's own loop: 24 steps.

    Wrappers may stand for optimizers: they are put around rules of several scopes.
    """
    runs = [_run(backend, rule, seed) for rule, seed in zip(optimizers, seeds, strict=True)]
    theta: dict[int, np.ndarray] = {}
    losses: dict[int, list[float]] = {number: [] for number in range(len(runs))}
    for record in train(runs, Placed(backend, _prepared())):
        if isinstance(record, Ended):
            theta[record.run] = record.theta
        elif isinstance(record, Epoch):
            for row, number in enumerate(record.runs):
                losses[number].append(float(record.metrics["train/loss"][row]))
    epochs = max(map(len, losses.values()))
    return Trained(
        np.stack([theta[number] for number in sorted(theta)]),
        np.array([losses[n] + [np.nan] * (epochs - len(losses[n])) for n in sorted(losses)]),
    )


def _run(backend: Any, rule: Any, seed: int) -> Run:
    around = {"wrapper": rule} if hasattr(rule, "turn") else {}
    if around:
        rule = WRAPPED[seed % len(WRAPPED)]()
    config = Config(
        backend=backend,
        dataset=Waves(),
        network=Mlp([5], "tanh"),
        optimizer=rule,
        wrapper=around,
        schedule=Falling(),
        initializer=Gaussian(),
        bias_initializer=Gaussian(),
        loss=SquaredError(),
        objective=ObjectiveSettings(auxiliary=NoAuxiliary(), weight_decay=1e-3),
        training=Training(
            batch_size=8, max_epochs=4, stopping=Stopping(patience=None, restore=False)
        ),
        seed=seed,
    )
    return Run(config, {"loss": "squared_error", "optimizer": type(rule).__name__}, {})
