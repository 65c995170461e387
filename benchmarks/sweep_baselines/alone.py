"""Our training of the grid and nothing else: no log, no files, no records. Compared with the floor (d).

    python alone.py --backend numpy --epochs 20 --seeds 10

The stacks and workers are those of the fused launcher. It trains twice. The second time counts; the
difference to the first is the time of compiling. Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from itertools import product
from pathlib import Path

from hydra import compose, initialize_config_module

from harness.configuration.hydra_store import register
from harness.configuration.run import run_from_tree
from harness.configuration.settings import Run
from harness.data.on_device import DeviceData
from harness.data.preparing import prepare
from harness.execution.planning import plan, stack_size_for
from harness.execution.workers import RunFailed, StackTask, train_in_workers
from harness.registry.registry import load_registry
from harness.sweep.launching.fused import cores
from harness.training.run_queue import RunQueue
from harness.training.setup import batch_size_of, network_of

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from sweep_baselines.grid import FULL, Grid


def runs_of(grid: Grid, backend: str, epochs: int) -> list[Run]:
    """All runs of the grid. Hydra composes each choice of components once, since it takes 100 ms."""
    registry = load_registry()
    register(registry)
    runs = []
    with initialize_config_module("harness.conf", version_base="1.3"):
        for optimizer, initializer in product(grid.optimizers, grid.initializers):
            overrides = [
                *("hydra/launcher=basic", "hydra/sweeper=basic"),
                *(f"backend={backend}", f"optimizer={optimizer}", f"initializer={initializer}"),
                *(f"training.max_epochs={epochs}", "training.stopping.patience=null"),
            ]
            run = run_from_tree(compose("config", overrides=overrides), registry)
            for lr, seed in product(grid.rates, range(grid.seeds)):
                rule = replace(run.config.optimizer, lr=lr)
                runs.append(replace(run, config=replace(run.config, optimizer=rule, seed=seed)))
    return runs


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=FULL.seeds)
    options = parser.parse_args()
    runs = runs_of(replace(FULL, seeds=options.seeds), options.backend, options.epochs)
    (runs,) = plan(runs, lambda run: run)
    config = runs[0].config
    backend, loss = config.backend, config.loss
    data = prepare(config.dataset.load(), config.dataset.task, loss.output_activation, config.split)
    placed = DeviceData(backend, data)
    for name in ("train", "validation", "test"):
        placed.part(name)
    capacity = backend.capacity(network_of(runs[0], data), batch_size_of(runs[0], data))
    size = stack_size_for([run.config.seed for run in runs], capacity, cores())
    times = []
    for _ in range(2):
        task = StackTask(0, runs, placed, RunQueue(range(len(runs))), size)
        began = time.perf_counter()
        for _, record in train_in_workers([task] * cores(), cores()):
            if isinstance(record, RunFailed):
                raise RuntimeError(record.details)
        times.append(time.perf_counter() - began)
    first, second = times
    print(json.dumps({"training": second, "compilation": max(0.0, first - second)}))


if __name__ == "__main__":
    main()
