"""The contenders: what runs before the clock starts, what is timed, and what the store holds then."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .grid import Grid, alone_command, floor_command, harness_command, plain_command
from .process import timed
from .store import Contents, read

__all__ = ["Contender", "Floor", "Trained", "logging_contenders", "train_alone"]


@dataclass(frozen=True)
class Contender:
    """A program that trains a grid and logs it.

    Attributes:
        key: Short name.
        title: Name in the tables.
        command: Its command line for a grid and a folder to run in.
        lr: Its name of the learning rate.
        at_once: Number of runs that it trains side by side.
        bar: How many times as fast ours must be; None for no such demand.
        prepared: Whether its store is created before the clock starts.
    """

    key: str
    title: str
    command: Callable[[Grid, Path], list[str]]
    lr: str
    at_once: int = 1
    bar: float | None = None
    prepared: bool = False

    def run(self, grid: Grid, folder: Path) -> tuple[float, Contents]:
        """Seconds of the whole process, and what it logged. The folder must be new."""
        folder.mkdir(parents=True)
        if self.prepared:
            create = "import mlflow; mlflow.set_tracking_uri('sqlite:///mlflow.db'); "
            create += "mlflow.set_experiment('plain')"
            subprocess.run(
                [sys.executable, "-c", create], cwd=folder, check=True, capture_output=True
            )
        process = timed(self.command(grid, folder), folder)
        return process.seconds, read(folder / "mlflow.db", grid, self.lr)

    def start(self, grid: Grid, folder: Path) -> float:
        """Seconds of the smallest sweep: of as many runs as it trains side by side."""
        return self.run(grid.first(self.at_once), folder)[0]


def logging_contenders(epochs: int, data: Path, cores: int) -> list[Contender]:
    """All contenders that can run here, except JAX; ours is the first."""

    def harness(launcher: str | None) -> Callable[[Grid, Path], list[str]]:
        return lambda grid, folder: harness_command(grid, epochs, launcher)

    def plain(log: str, *launcher: str) -> Callable[[Grid, Path], list[str]]:
        return lambda grid, folder: plain_command(grid, epochs, data, folder, list(launcher), log)

    joblib = "hydra/launcher=joblib", f"hydra.launcher.n_jobs={cores}"
    needs = {
        "a": ["torch", "safetensors"],
        "b": ["torch", "safetensors", "hydra_plugins.hydra_joblib_launcher"],
    }
    missing = {key for key, modules in needs.items() if not all(map(_is_installed, modules))}
    contenders = [
        Contender("ours", "harness, fused launcher", harness(None), "optimizer.lr"),
        Contender("a", "(a) PyTorch, Hydra's basic launcher", plain("epoch"), "lr", bar=20),
        Contender("a1", "(a1) the same, one log_batch a run", plain("end"), "lr"),
        Contender(
            *("b", f"(b) PyTorch, joblib, {cores} processes", plain("epoch", *joblib), "lr"),
            at_once=cores,
            bar=10,
            prepared=True,
        ),
        Contender(
            *("b1", "(b1) the same, one log_batch a run", plain("end", *joblib), "lr"),
            at_once=cores,
            prepared=True,
        ),
        Contender("c", "(c) harness, basic launcher", harness("basic"), "optimizer.lr", bar=6),
    ]
    return [contender for contender in contenders if contender.key[0] not in missing]


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # the package of the module is missing
        return False


@dataclass(frozen=True)
class Trained:
    """Training without a log.

    Attributes:
        training: Seconds of training.
        compilation: Seconds of compiling before it.
        scores: Values by metric that JAX (d) ends with, as `Contents.scores`.
    """

    training: float
    compilation: float
    scores: dict[str, np.ndarray] = field(default_factory=dict)


def train_alone(backend: str, grid: Grid, epochs: int, folder: Path) -> Trained:
    """Our training of the grid and nothing else."""
    process = timed(alone_command(backend, epochs, grid.seeds), folder)
    return Trained(**json.loads(process.output))


@dataclass(frozen=True)
class Floor:
    """JAX without any logging: `threads` stacks of `chunk` runs at a time."""

    python: str
    data: Path
    chunk: int
    threads: int

    def run(self, epochs: int, folder: Path, repeats: int = 1) -> Trained:
        """Trains all runs of the inputs, `repeats` times; the fastest time counts."""
        command = floor_command(self.python, self.data, epochs, self.chunk, self.threads, repeats)
        process = timed(command, folder)
        figures = json.loads(process.output)
        names = ("train/loss", "validation/accuracy")
        scores = {name: np.array(figures[name]) for name in names}
        return Trained(figures["training"], figures["compilation"], scores)

    @staticmethod
    def available(python: str) -> bool:
        """Whether this interpreter has JAX."""
        try:
            process = subprocess.run([python, "-c", "import jax"], capture_output=True, check=False)
        except OSError:
            return False
        return process.returncode == 0

    @classmethod
    def fastest(cls, python: str, data: Path, grid: Grid, cores: int, folder: Path) -> Floor:
        """Tries one stack an optimizer, and smaller ones side by side, for a few epochs each."""
        whole = grid.runs // len(grid.optimizers)  # runs of an optimizer
        candidates = [cls(python, data, whole, 1), cls(python, data, whole, cores)]
        candidates += [cls(python, data, n, cores) for n in (50, 30, 15, 10) if n < whole]
        times = [
            candidate.run(3, folder / f"try{number}", repeats=3).training
            for number, candidate in enumerate(candidates)
        ]
        return candidates[int(np.argmin(times))]
