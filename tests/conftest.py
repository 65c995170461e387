"""What many tests need: composed runs, and training without a store."""

from __future__ import annotations

import os
import signal

# A shell that runs the tests in the background makes them, and all they start, deaf to Ctrl-C
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Before NumPy and PyTorch start their threads: tests run side by side, and small products need none.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pytest
from hydra import initialize_config_module
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.types import HydraContext, RunMode

from harness.configuration.hydra_store import register
from harness.configuration.settings import Run
from harness.data.on_device import DeviceData
from harness.data.preparing import Prepared, prepare
from harness.registry.registry import Registry, load_registry
from harness.sweep.composition import Composer
from harness.training.loop import train
from harness.training.records import Ended, Epoch

PLAIN = ("hydra/launcher=basic", "hydra/sweeper=basic")  # ours play no part in composing one run


@pytest.fixture(scope="session")
def registry() -> Registry:
    loaded = load_registry()
    register(loaded)
    return loaded


@pytest.fixture(scope="session")
def run_of(registry: Registry) -> Callable[..., Run]:
    """Composes a run from overrides, as a job of a sweep is composed.

    Hydra takes 0.1 s for a composition and is asked hundreds of times in the suite; the sweep's own
    composer takes a hundredth of that where only values and components differ.
    `tests/harness/sweep/test_composition.py` holds it against Hydra.
    """
    GlobalHydra.instance().clear()
    with initialize_config_module("harness.conf", version_base="1.3"):
        loader = GlobalHydra.instance().hydra.config_loader
    sweep = loader.load_configuration("config", [*PLAIN], run_mode=RunMode.MULTIRUN)
    composer = Composer(HydraContext(loader, Callbacks()), sweep)

    @cache
    def compose_run(*overrides: str) -> Run:
        return composer.run(overrides)

    return compose_run


@dataclass
class Trained:
    """What training a stack gave: how each run ended, and its metrics by epoch."""

    ended: dict[int, Ended] = field(default_factory=dict)
    epochs: dict[int, list[dict[str, float]]] = field(default_factory=dict)


@pytest.fixture
def fit() -> Callable[..., Trained]:
    """Trains runs as one stack, all at once or so many at a time."""

    def train_stack(
        *runs: Run, data: Prepared | None = None, stack_size: int | None = None
    ) -> Trained:
        config: Any = runs[0].config
        if data is None:
            activation = config.loss.output_activation
            data = prepare(config.dataset.load(), config.dataset.task, activation, config.split)
        trained = Trained()
        for record in train(runs, DeviceData(config.backend, data), stack_size=stack_size):
            if isinstance(record, Ended):
                trained.ended[record.run] = record
            elif isinstance(record, Epoch):
                for row, run in enumerate(record.runs):
                    values = {name: float(v[row]) for name, v in record.metrics.items()}
                    trained.epochs.setdefault(run, []).append(values)
        return trained

    return train_stack


def finite_differences(f: Callable[[np.ndarray], float], at: np.ndarray) -> np.ndarray:
    """Central differences of a scalar function, in float64."""
    gradient = np.empty_like(at)
    for index in np.ndindex(at.shape):
        step = 1e-6 * max(1.0, abs(at[index]))
        up, down = at.copy(), at.copy()
        up[index] += step
        down[index] -= step
        gradient[index] = (f(up) - f(down)) / (2 * step)
    return gradient
