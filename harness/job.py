"""A job: a run, and where it leaves its results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from harness.config import run_from
from harness.registry import load_registry
from harness.settings import Run

__all__ = ["Job", "job_from", "sweep_id"]


@dataclass(frozen=True)
class Job:
    """A run, the folder for its results, and what it is called.

    overrides: what the command line chose for it. sweep: the sweep it belongs to, or None.
    """

    run: Run
    folder: Path
    name: str
    overrides: tuple[str, ...] = ()
    sweep: str | None = None


def job_from(tree: DictConfig) -> Job:
    """The job that a composed tree (without Hydra's own node) and HydraConfig describe."""
    hydra = HydraConfig.get()
    run = run_from(tree, load_registry())
    # A preset has done its work by now: its name would only be repeated for every run
    overrides = tuple(o for o in hydra.overrides.task if not o.startswith("experiment="))
    return Job(
        run=run,
        folder=Path(hydra.runtime.output_dir),
        name=" ".join(overrides)[:200] or f"{run.names['dataset']} {run.names['optimizer']}",
        overrides=overrides,
        sweep=sweep_id(hydra.sweep.dir) if hydra.mode is RunMode.MULTIRUN else None,
    )


def sweep_id(folder: str) -> str:
    """The name of the sweep with this output folder: its date and time."""
    return "/".join(Path(folder).parts[-2:])
