"""Real sweeps in a real store, trained once for all tests of the comparison."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import chdir
from pathlib import Path

import pytest

from harness.cli import main


def trained(folder: Path, *sweeps: list[str]) -> str:
    """Trains sweeps in a folder of their own. Returns the address of the store."""
    with chdir(folder):
        for arguments in sweeps:
            assert main(["train", "-m", *arguments, "hydra.launcher.workers=1"]) == 0
    return f"sqlite:///{folder}/outputs/mlflow.db"


GRID = [
    "optimizer=sgd,adam",
    "optimizer.lr=1e-3,1e-2,1e-1",
    "dataset=moons,iris",
    "seed=range(5)",
    "training.max_epochs=6",
    "network.hidden=[8]",
]

DIVERGING = [
    "optimizer=sgd,heavy_ball",
    "optimizer.lr=0.01,1000",
    "dataset=diabetes",
    "loss=squared_error",
    "seed=0,1",
    "training.max_epochs=3",
    "network.hidden=[]",
]


@pytest.fixture(scope="session")
def grid(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two optimizers, three rates, two datasets, five seeds: sixty runs."""
    return trained(tmp_path_factory.mktemp("grid"), GRID)


@pytest.fixture(scope="session")
def diverging(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two optimizers at two rates, of which one is far too large: eight runs."""
    return trained(tmp_path_factory.mktemp("diverging"), DIVERGING)


@pytest.fixture
def train_sweeps(tmp_path: Path) -> Callable[..., str]:
    """Trains sweeps of a test's own, one after another in one store."""
    return lambda *sweeps: trained(tmp_path, *sweeps)


TUNE = ["optimizer=sgd,adam", "dataset=moons", "seed=0,1", "training.max_epochs=3"]

OPTIONS = ["--trials", "4", "--final-seeds", "5", "hydra.launcher.workers=1"]


@pytest.fixture(scope="session")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A tuning of two optimizers on two networks: its store, and the folder it ran in."""
    folder = tmp_path_factory.mktemp("tuned")
    with chdir(folder):
        assert main(["tune", *TUNE, "network.hidden=[4],[8]", *OPTIONS]) == 0
    return f"sqlite:///{folder}/outputs/mlflow.db", folder
