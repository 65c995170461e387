"""What happens before and after a Hydra multirun, whichever launcher runs its jobs."""

from __future__ import annotations

import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from hydra.experimental.callback import Callback
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf

from harness.configuration.job import sweep_id
from harness.errors import ConfigurationError
from harness.execution.resume import IDENTITIES
from harness.execution.session import open_sweep, session
from harness.sweep import summary
from harness.sweep.command_lines import completing, program, shown, started_by
from harness.sweep.multirun import checks_all_jobs, lists_its_jobs, replaces_sweep, tunes
from harness.sweep.outcome import SweepOutcome, announce
from harness.sweep.searching.grid import batches
from harness.sweep.tuning.record import TUNING
from harness.tracking.events import Curves, RunEnded, RunStarted, now_ms
from harness.tracking.metrics_csv import METRICS
from harness.tracking.provenance import provenance
from harness.training.records import Status

__all__ = ["SweepCallback"]

TABLE = "table.csv"
ARTIFACTS = (TABLE, IDENTITIES, TUNING)


class SweepCallback(Callback):
    """Logs the sweep's own run, from its start to its end, and shows the table at the end.

    The writer process stays open after the sweep: Hydra only warns of what a callback raises, but a
    store that cannot be written is an error, which closing the writer raises outside of Hydra.
    """

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Called by Hydra before the first job is composed."""
        folder, command = Path(config.hydra.sweep.dir).absolute(), started_by()
        self._sweep = SweepOutcome(folder, now_ms(), command, completing(command))
        announce(self._sweep)
        self._sweep.jobs = _count_jobs(config)
        if not replaces_sweep(config):  # else the launcher refuses the sweep
            for name in (IDENTITIES, TUNING):  # files of the sweep that this one continues
                (folder / name).unlink(missing_ok=True)
        open_sweep(_own_run(config, self._sweep))
        if not checks_all_jobs(config):  # then the sweep's run need not wait for the check
            with session(_tracking(config)):
                pass

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Called by Hydra after the last job."""
        sweep = self._sweep
        results = summary.read_results(sweep.folder, since=sweep.started_ms / 1000)
        jobs = max(sweep.jobs or 0, len(results))
        if jobs:  # a search that is complete already has none
            totals = summary.totals(results, jobs)
            sweep.failed = totals[Status.FAILED] + totals[summary.MISSING]
            self._sum_up(config, results, totals)
        sweep.summed_up = True

    def _sum_up(
        self, config: DictConfig, results: list[dict[str, Any]], totals: dict[str, int]
    ) -> None:
        """Writes the table, shows it and ends the sweep's own run."""
        sweep = self._sweep
        sweep.folder.mkdir(parents=True, exist_ok=True)
        summary.write_csv(summary.rows(results), sweep.folder / TABLE)
        results = summary.without_tuning(results)
        summary.show(summary.rows(results), sys.stdout)
        print(summary.sentence(totals))
        if sweep.failed:
            print(f"Train what is not finished with: {sweep.completed_by}")
        with session(_tracking(config)) as (tracker, _):
            tracker.end(_end_of_own_run(config, sweep.folder, results, totals))
        tracking = [o for o in shown(config.hydra.overrides.task) if "tracking." in o]
        dashboard = " ".join([f"{program()} ui", *tracking])
        print(f"Open the dashboard with: {dashboard}   (tag sweep = {sweep_id(str(sweep.folder))})")


def _own_run(config: DictConfig, sweep: SweepOutcome) -> RunStarted:
    """The start of the sweep's own MLflow run."""
    name, folder = sweep_id(str(sweep.folder)), str(sweep.folder)
    tags = {
        "kind": "sweep",
        "sweep": name,
        "folder": folder,
        "command": sweep.command,
        "started": str(datetime.fromtimestamp(sweep.started_ms // 1000)),
    }
    if tunes(config):
        tags["tuned"] = "true"
    if config.skip_finished:
        tags["continues"] = "true"
    if sweep.jobs is not None:
        tags["jobs"] = str(sweep.jobs)
    return RunStarted(
        key=folder,
        folder=folder,
        experiment=config.tracking.experiment,
        name=f"sweep {name}",
        time_ms=sweep.started_ms,
        tags=provenance(Path.cwd()) | tags,
        params={"overrides": " ".join(shown(config.hydra.overrides.task))},
    )


def _end_of_own_run(
    config: DictConfig, folder: Path, results: list[dict[str, Any]], totals: dict[str, int]
) -> RunEnded:
    """The end of the sweep's own run: totals, table, and one picture of the curves of these results."""
    keys = summary.varied(results)
    curves = [
        (_label(result, keys), os.path.relpath(Path(result["job"]) / METRICS, folder))
        for result in results
        if (Path(result["job"]) / METRICS).exists()
    ]
    title, against = f"sweep {sweep_id(str(folder))}", config.tracking.against
    return RunEnded(
        key=str(folder),
        status=Status.FINISHED,
        time_ms=now_ms(),
        tags={"jobs": str(totals["runs"])},
        metrics={
            name if name == "runs" else f"runs/{name}": float(count)
            for name, count in totals.items()
        },
        artifacts=tuple(name for name in ARTIFACTS if (folder / name).exists()),
        curves=Curves(tuple(curves), title=title, against=against) if curves else None,
    )


def _count_jobs(config: DictConfig) -> int | None:
    """The number of jobs that the sweeper is going to ask for; None where only the sweeper knows."""
    if not lists_its_jobs(config):
        return None
    context = HydraContext(GlobalHydra.instance().config_loader(), Callbacks())
    arguments, params = config.hydra.overrides.task, config.hydra.sweeper.params
    try:
        return sum(map(len, batches(arguments, params, context, None)))
    except (HydraException, ConfigurationError):  # the sweeper is about to say what is wrong
        return None


def _tracking(config: DictConfig) -> Any:
    return OmegaConf.to_object(config.tracking)


def _label(result: dict[str, Any], keys: list[str]) -> str:
    """What the picture calls a run: runs that differ only in their seed are drawn as one group."""
    values = summary.overrides(result)
    return " ".join(values.get(key, "") for key in keys) or result["names"]["optimizer"]
