"""Runs a preset as a person would, in a folder with a store of its own, and reads what it left."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file


@dataclass(frozen=True)
class Finished:
    """A run that is over, read from its folder.

    Attributes:
        folder: Folder of the run.
        params: Its configuration as logged, text by key.
        status: How it ended.
        metrics: Final metrics by name.
    """

    folder: Path
    params: dict[str, str]
    status: str
    metrics: dict[str, float]

    def curve(self, name: str) -> np.ndarray:
        """A metric by epoch; NaN where it is missing."""
        with (self.folder / "metrics.csv").open() as file:
            return np.array([float(row[name] or "nan") for row in csv.DictReader(file)])

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """By name: layer1.weight, layer1.bias, …"""
        return load_file(self.folder / "parameters.safetensors")


class Sweep(list[Finished]):
    """The runs of a preset, in order of the jobs."""

    def where(self, **values: object) -> Sweep:
        """The runs with these values; `optimizer__lr` stands for `optimizer.lr`."""
        params = {key.replace("__", "."): str(value) for key, value in values.items()}
        runs = Sweep(run for run in self if all(run.params[k] == v for k, v in params.items()))
        assert runs, f"no run with {params}"
        return runs

    def values(self, metric: str) -> np.ndarray:
        """A metric of every run, at its end."""
        return np.array([run.metrics[metric] for run in self])

    def curves(self, metric: str) -> np.ndarray:
        """(runs, epochs) of runs that had equally many."""
        return np.array([run.curve(metric) for run in self])


@pytest.fixture(scope="session")
def train_preset(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Sweep]:
    """`harness train experiment=NAME`, which must succeed; its runs."""

    def train(name: str) -> Sweep:
        folder = tmp_path_factory.mktemp(name)
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", "harness", "train", f"experiment={name}"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return read(folder / "outputs" / "sweeps")

    return train


def read(folder: Path) -> Sweep:
    """The runs of a sweep. Their folders may lie anywhere in `folder`."""
    runs = []
    for path in sorted(folder.rglob("result.json"), key=lambda path: int(path.parent.name)):
        result = json.loads(path.read_text())
        params = json.loads((path.parent / "configuration.json").read_text())
        runs.append(Finished(path.parent, params, result["status"], result["metrics"]))
    return Sweep(runs)
