"""A job: a run, and where it leaves its results."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from harness.configuration.run import run_from_tree
from harness.configuration.settings import Run
from harness.registry.registry import load_registry

__all__ = ["Job", "job_from", "sweep_id"]


@dataclass(frozen=True)
class Job:
    """A run, the folder for its results, and its name.

    Attributes:
        run: What is to be trained.
        folder: Folder of its results.
        name: Name of its MLflow run.
        overrides: What the command line chose for it.
        sweep: Name of the sweep that it belongs to; None for a run by itself.
        sweep_folder: Folder for files of the sweep itself; None for a run by itself.
    """

    run: Run
    folder: Path
    name: str
    overrides: tuple[str, ...] = ()
    sweep: str | None = None
    sweep_folder: Path | None = None

    @classmethod
    def named(
        cls, run: Run, folder: Path, overrides: Iterable[str], sweep_folder: Path | None
    ) -> Self:
        """A job whose name is its overrides."""
        # Options that are the same for every run are left out of its name. The store's address may
        # hold a password, too
        common = ("experiment=", "skip_finished=", "tracking.", "training.test=")
        overrides = tuple(o for o in overrides if not o.startswith(common))
        name = " ".join(overrides)[:200] or f"{run.names['dataset']} {run.names['optimizer']}"
        sweep = None if sweep_folder is None else sweep_id(str(sweep_folder))
        return cls(run, folder, name, overrides, sweep, sweep_folder)


def job_from(tree: DictConfig) -> Job:
    """The job that a composed tree (without Hydra's own node) and HydraConfig describe."""
    hydra = HydraConfig.get()
    return Job.named(
        run=run_from_tree(tree, load_registry()),
        folder=Path(hydra.runtime.output_dir),
        overrides=hydra.overrides.task,
        sweep_folder=Path(hydra.sweep.dir).absolute() if hydra.mode is RunMode.MULTIRUN else None,
    )


def sweep_id(folder: str) -> str:
    """The name of the sweep with this output folder: its date and time."""
    return "/".join(Path(folder).parts[-2:])
