"""The sweep that all contenders run, and the command line of each of them."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path

__all__ = ["FULL", "Grid", "floor_command", "harness_command", "plain_command"]

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Grid:
    """optimizers × initializers × rates × seeds."""

    rates: tuple[float, ...] = (0.001, 0.003, 0.01, 0.03, 0.1)
    seeds: int = 10
    optimizers: tuple[str, ...] = ("sgd", "heavy_ball", "adam")
    initializers: tuple[str, ...] = ("zeros", "glorot_uniform", "he_normal")

    @property
    def runs(self) -> int:
        return len(self.optimizers) * len(self.initializers) * len(self.rates) * self.seeds

    def share(self, runs: int) -> Grid:
        """About `runs` runs, evenly spaced: fewer seeds, then fewer rates, and all of the rest."""
        one_seed = replace(self, seeds=1)
        if runs >= one_seed.runs:
            return replace(self, seeds=min(self.seeds, runs // one_seed.runs))
        one_rate = one_seed.runs // len(self.rates)
        count = max(1, runs // one_rate)
        rates = tuple(
            self.rates[(2 * i + 1) * len(self.rates) // (2 * count)] for i in range(count)
        )
        return replace(one_seed, rates=rates)

    def overrides(self, lr: str) -> list[str]:
        """Overrides for Hydra's basic sweeper. `lr` is the contender's name of the learning rate."""
        return [
            f"optimizer={','.join(self.optimizers)}",
            f"initializer={','.join(self.initializers)}",
            f"{lr}={','.join(map(str, self.rates))}",
            f"seed=range({self.seeds})",
        ]

    def first(self, runs: int) -> Grid:
        """A grid of very few runs, to measure how long a contender takes to start."""
        return replace(
            self, optimizers=("sgd",), initializers=("he_normal",), rates=(0.01,), seeds=runs
        )


FULL = Grid()


def harness_command(grid: Grid, epochs: int, launcher: str | None = None) -> list[str]:
    """Our sweep into ./mlflow.db, with the default launcher or another one."""
    overrides = [f"hydra/launcher={launcher}"] if launcher else []
    return [
        *(sys.executable, "-m", "harness", "train", "-m", *overrides),
        *grid.overrides("optimizer.lr"),
        f"training.max_epochs={epochs}",
        "training.stopping.patience=null",
        "tracking.uri=sqlite:///mlflow.db",
    ]


def plain_command(
    grid: Grid, epochs: int, data: Path, folder: Path, launcher: list[str], log: str
) -> list[str]:
    """The PyTorch baseline's sweep into mlflow.db of `folder`. `launcher`: overrides that choose one."""
    return [
        *(sys.executable, str(HERE / "plain.py"), "-m", *launcher),
        *grid.overrides("lr"),
        f"epochs={epochs}",
        f"data={data}",
        f"tracking_uri=sqlite:///{folder / 'mlflow.db'}",
        f"log={log}",
    ]


def alone_command(backend: str, epochs: int, seeds: int) -> list[str]:
    """Our training alone."""
    settings = ["--backend", backend, "--epochs", str(epochs), "--seeds", str(seeds)]
    return [sys.executable, str(HERE / "alone.py"), *settings]


def floor_command(
    python: str, data: Path, epochs: int, chunk: int, threads: int, repeats: int = 1
) -> list[str]:
    """The JAX baseline on the inputs in `data`."""
    settings = {"epochs": epochs, "chunk": chunk, "threads": threads, "repeats": repeats}
    options = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
    return [python, str(HERE / "floor.py"), str(data), *options]
