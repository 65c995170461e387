"""What every sweeper does before its first job."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig, OmegaConf

__all__ = ["checks_all_jobs", "save_multirun"]

OWN_LAUNCHERS = "hydra_plugins.harness_launchers."


def checks_all_jobs(config: DictConfig) -> bool:
    """Whether the launcher composes and checks all jobs of a batch before the first one trains.

    The launchers of harness do, so a sweeper need not compose them once more (50 to 100 ms a job).
    """
    return str(config.hydra.launcher._target_).startswith(OWN_LAUNCHERS)


def save_multirun(config: DictConfig) -> None:
    """`multirun.yaml` in the folder of the sweep, as Hydra's own sweeper leaves it."""
    folder = Path(config.hydra.sweep.dir)
    folder.mkdir(parents=True, exist_ok=True)
    OmegaConf.save(config, folder / "multirun.yaml")
