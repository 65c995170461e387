"""The Hydra application behind `harness train`: starts it, and says in plain words what is wrong."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from harness.configuration.arguments import check_arguments
from harness.configuration.hydra_store import register
from harness.configuration.job import job_from
from harness.configuration.overrides import explain
from harness.errors import ConfigurationError, HarnessError, PluginError
from harness.execution.jobs import run_jobs
from harness.execution.session import close_sweeps, session
from harness.registry.faults import plugin_fault
from harness.registry.registry import Registry, load_registry
from harness.sweep.multirun import check_job_folder
from harness.sweep.outcome import SweepOutcome, awaited_sweeps
from harness.training.records import Result, Status

__all__ = ["register_hydra_plugins", "train", "tune"]


def train(arguments: list[str]) -> int:
    """Runs Hydra with these arguments. Returns the exit status."""
    status, _ = _run(arguments)
    return status


def tune(arguments: list[str]) -> tuple[int, Path | None]:
    """Tunes contenders alike and trains the chosen settings on fresh seeds, see `sweep/tuning/`.

    Args:
        arguments: Arguments of Hydra, as for `train`.

    Returns:
        The exit status, and the folder of the sweep; None where no sweep was started, as with `--cfg`.
    """
    status, sweep = _run(["--multirun", "hydra/sweeper=tuned", *arguments])
    return status, None if sweep is None else sweep.folder


def _run(arguments: list[str]) -> tuple[int, SweepOutcome | None]:
    """The exit status, and the sweep if there was one. An interrupted sweep says what completes it."""
    with awaited_sweeps() as sweeps:
        try:
            failed = _train(_grouped(arguments))
        except KeyboardInterrupt as stop:
            for sweep in sweeps:
                if not sweep.summed_up:
                    stop.add_note(f"Train what is not finished with: {sweep.completed_by}")
            raise
    failed = failed or not all(sweep.succeeded for sweep in sweeps)
    return int(failed), sweeps[-1] if sweeps else None


def _train(arguments: list[str]) -> bool:
    """Runs Hydra. Returns whether a run failed in this process."""
    registry = load_registry()
    register(registry)
    register_hydra_plugins()
    check_arguments(arguments)
    results: list[Result] = []
    mistakes: list[BaseException] = []
    own_process = os.getpid()

    def task(tree: DictConfig) -> Result | None:
        try:
            job = job_from(tree)
            check_job_folder(job)
            with session(job.run.config.tracking) as (tracker, progress):
                alone = os.getpid() == own_process  # joblib's jobs train in processes side by side
                results.extend(run_jobs([job], registry, tracker, progress, alone=alone))
            return results[-1]
        except (Exception, SystemExit) as raised:
            fault = plugin_fault(raised, registry)
            error = raised if fault is None else PluginError(fault.message)
            if not isinstance(error, HarnessError | OmegaConfBaseException):
                raise
            # Raised below: Hydra would end a sweep and print more
            mistakes.append(error)
            if os.getpid() != own_process:  # a job of joblib's, whose list of mistakes ends with it
                overrides = " ".join(HydraConfig.get().overrides.task)
                sys.stderr.write(f"harness: error: {overrides}: {error}\n")
            return None

    sys.argv = ["harness", *arguments]
    start = hydra.main(version_base="1.3", config_path="pkg://harness.conf", config_name="config")
    try:
        with _hydra_raises():
            start(task)()
        if mistakes:
            raise mistakes[0]
    except (Exception, SystemExit) as error:
        explained = _explained(error, registry, trained=bool(results))
        if explained is None:
            raise
        raise explained from error
    finally:
        close_sweeps()
    return any(result.status is Status.FAILED for result in results)


@contextmanager
def _hydra_raises() -> Iterator[None]:
    """Makes Hydra raise its errors instead of printing them and ending the process."""
    before = os.environ.get("HYDRA_FULL_ERROR")
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["HYDRA_FULL_ERROR"]


def _explained(
    error: BaseException, registry: Registry, *, trained: bool
) -> ConfigurationError | PluginError | None:
    """The error that a person sees instead of one of Hydra or of a plugin; None for any other error.

    Args:
        error: The error.
        registry: The plugins that may be at fault.
        trained: Whether a run was trained before.
    """
    fault = plugin_fault(error, registry)
    if fault is not None:
        return PluginError(fault.message)
    if isinstance(error, HarnessError | SystemExit):
        return None
    message = explain(error)
    if message is None and not trained and isinstance(error, OSError | ValueError):
        message = str(error)  # a folder that cannot be written, …
    return None if message is None else ConfigurationError(message)


def register_hydra_plugins() -> None:
    """Registers our launchers and sweepers, which Hydra does not find after an editable install."""
    # Hydra reloads its own plugins here; ours import these, so they come after
    plugins = Plugins.instance()
    from hydra_plugins.harness_launchers.fused import FusedLauncher
    from hydra_plugins.harness_launchers.ray import RayLauncher
    from hydra_plugins.harness_launchers.slurm import SlurmLauncher
    from hydra_plugins.harness_sweepers.grid import GridSweeper
    from hydra_plugins.harness_sweepers.points import PointsSweeper
    from hydra_plugins.harness_sweepers.study import OptunaSweeper
    from hydra_plugins.harness_sweepers.tuned import TunedSweeper

    launchers = (FusedLauncher, RayLauncher, SlurmLauncher)
    for plugin in (*launchers, GridSweeper, PointsSweeper, OptunaSweeper, TunedSweeper):
        plugins.register(plugin)


def _grouped(arguments: list[str]) -> list[str]:
    """Hydra's arguments with all overrides first: its parser takes no second group after a flag."""
    options, _ = get_args_parser().parse_known_intermixed_args(arguments)
    flags = list(arguments)
    for override in options.overrides:
        flags.remove(override)
    return [*options.overrides, *flags]
