"""Microseconds a training step: harness beside scikit-learn and a plain PyTorch loop.

    python benchmarks/single_run.py [--rounds 5] [--epochs 200]

All train the same network in one process and one thread, float32, Adam, on equally many rows, and all
compute what early stopping needs: the loss of each batch, and a validation after each epoch. They take
turns, so that a drift of the machine's speed meets all alike; the median of the rounds counts. harness
runs its real loop and logs to MLflow; its figures include the initial weights, the last evaluation of
all parts and the files of the run. No figure includes loading the data.
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import tempfile
import time
import warnings
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from harness.configuration.hydra_store import register
from harness.configuration.job import Job
from harness.configuration.run import run_from_tree
from harness.data.preparing import Data, Task, prepare
from harness.execution.jobs import run_jobs
from harness.execution.progress import Progress
from harness.registry.registry import load_registry
from harness.tracking.tracker import Tracker


class Stopwatch(Progress):
    """A clock that starts when the data are loaded and the first run begins."""

    def begin(self, total):
        self.began = time.perf_counter()
        super().begin(total)


PLAIN = [
    "hydra/launcher=basic",
    "hydra/sweeper=basic",
]  # launchers play no part in composing a run, and Hydra may not have found ours


def harness_run(overrides, runs, folder, tracker):
    """Seconds of `runs` runs as one stack."""
    registry = load_registry()
    jobs = []
    for seed in range(runs):
        GlobalHydra.instance().clear()
        with initialize_config_module("harness.conf", version_base="1.3"):
            tree = compose("config", overrides=[*PLAIN, *overrides, f"seed={seed}"])
        run_folder = folder / f"{time.monotonic_ns()}"
        jobs.append(
            Job(run_from_tree(tree, registry), run_folder, f"seed={seed}", sweep="benchmark")
        )
    stopwatch = Stopwatch(io.StringIO())
    results = run_jobs(jobs, registry, tracker, stopwatch)
    seconds = time.perf_counter() - stopwatch.began
    assert all(result.status == "finished" for result in results), results
    return seconds


def sklearn_run(hidden, batch, epochs, train, validation):
    model = MLPClassifier(
        hidden,
        batch_size=batch,
        max_iter=epochs,
        tol=0.0,
        n_iter_no_change=epochs + 1,
        early_stopping=True,  # it splits the validation rows off by itself
        validation_fraction=len(validation) / (len(train) + len(validation)),
    )
    x = np.concatenate([train.features, validation.features]).astype(np.float32)
    y = np.concatenate([train.labels, validation.labels])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        start = time.perf_counter()
        model.fit(x, y)
        return time.perf_counter() - start


def torch_run(hidden, batch, epochs, train, validation):
    layers, width = [], train.features.shape[1]
    for units in hidden:
        layers += [torch.nn.Linear(width, units), torch.nn.ReLU()]
        width = units
    model = torch.nn.Sequential(*layers, torch.nn.Linear(width, 10))
    optimizer = torch.optim.Adam(model.parameters())
    loss_of = torch.nn.CrossEntropyLoss()
    x, y = (torch.from_numpy(a) for a in (train.features.astype(np.float32), train.labels))
    vx, vy = (
        torch.from_numpy(a) for a in (validation.features.astype(np.float32), validation.labels)
    )
    start = time.perf_counter()
    for _ in range(epochs):
        order, total = torch.randperm(len(x)), 0.0
        for first in range(0, len(x), batch):
            rows = order[first : first + batch]
            optimizer.zero_grad()
            loss = loss_of(model(x[rows]), y[rows])
            loss.backward()
            optimizer.step()
            total += loss.item()
        with torch.no_grad():
            output = model(vx)
            loss_of(output, vy).item()
            (output.argmax(1) == vy).float().mean().item()
    return time.perf_counter() - start


def compare(title, hidden, batch, epochs, data, overrides, rounds, stack, tracker, folder):
    parts = data.train, data.validation
    steps = epochs * -(-len(data.train) // batch)
    common = [
        *overrides,
        f"network.hidden={list(hidden)}",
        f"training.batch_size={batch}",
        f"training.max_epochs={epochs}",
        "training.stopping.patience=null",
        "optimizer=adam",
    ]
    contenders = {
        "scikit-learn MLPClassifier": lambda: sklearn_run(hidden, batch, epochs, *parts),
        "plain PyTorch loop": lambda: torch_run(hidden, batch, epochs, *parts),
        "harness, NumPy backend": lambda: harness_run(common, 1, folder, tracker),
    }
    if stack > 1:
        contenders[f"harness, a stack of {stack}, per run"] = lambda: (
            harness_run(common, stack, folder, tracker) / stack
        )
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, contender in contenders.items():
            seconds = contender()
            if number:  # the first round warms up
                times[name].append(seconds / steps * 1e6)
    ours = statistics.median(times["harness, NumPy backend"])
    print(f"\n{title}: {steps} steps, median of {rounds} rounds")
    print(f"{'':40}{'us a step':>12}{'min':>9}{'max':>9}{'harness alone is':>20}")
    for name, values in times.items():
        median = statistics.median(values)
        print(f"{name:40}{median:12.1f}{min(values):9.1f}{max(values):9.1f}{median / ours:18.2f} x")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=200)
    options = parser.parse_args()
    torch.set_num_threads(1)
    threadpool_limits(1)
    registry = load_registry()
    register(registry)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with Tracker(f"sqlite:///{folder / 'mlflow.db'}", "benchmark") as tracker:
            digits = registry.component("dataset", "digits")()
            split = run_from_defaults(registry).config.split
            compare(
                "digits 64-64-10, batch 32",
                (64,),
                32,
                options.epochs,
                prepare(digits.load(), digits.task, "softmax", split),
                ["dataset=digits"],
                options.rounds,
                16,
                tracker,
                folder,
            )
            images = np.random.default_rng(0).random((6400, 784), np.float32)
            labels = np.random.default_rng(1).integers(0, 10, 6400)
            np.savez(folder / "images.npz", pixel=images, label=labels)
            table = Data(images, labels, "random images")
            compare(
                "random images 784-512-256-10, batch 128",
                (512, 256),
                128,
                max(1, options.epochs // 5),
                prepare(table, Task.MULTICLASS, "softmax", split),
                ["dataset=table", f"dataset.path={folder / 'images.npz'}", "dataset.target=label"],
                options.rounds,
                1,
                tracker,
                folder,
            )


def run_from_defaults(registry):
    with initialize_config_module("harness.conf", version_base="1.3"):
        return run_from_tree(compose("config", overrides=PLAIN), registry)


if __name__ == "__main__":
    main()
