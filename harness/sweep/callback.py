"""What happens around a Hydra multirun, whichever launcher runs its jobs."""

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
from harness.sweep.multirun import checks_all_jobs
from harness.sweep.searching.grid import batches
from harness.sweep.tuning.record import TUNING
from harness.tracking.events import Curves, RunEnded, RunStarted, now_ms
from harness.tracking.metrics_csv import METRICS
from harness.tracking.provenance import provenance
from harness.training.records import Status

__all__ = ["SweepCallback"]

TABLE = "table.csv"
ARTIFACTS = (TABLE, IDENTITIES, TUNING)
GRIDS = (  # the sweepers whose jobs are every combination of the given values
    "hydra_plugins.harness_sweepers.grid.GridSweeper",
    "hydra._internal.core_plugins.basic_sweeper.BasicSweeper",
)
TUNED = "hydra_plugins.harness_sweepers.tuned.TunedSweeper"


class SweepCallback(Callback):
    """Keeps the sweep's own run, from its start to its end, where the table is shown.

    The writer process stays open beyond that: Hydra makes a warning of what a callback raises, and a
    store that cannot be written is an error.

    failed: runs of the last sweep in this process that ended with an error, or left no result.
    completes_with: the command that completes the sweep under way, to be shown if it is interrupted.
    folder: of the last sweep in this process.
    """

    failed = 0
    completes_with = ""
    folder: Path | None = None

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Before the first job is composed."""
        SweepCallback.failed = 0
        self._began = now_ms()
        self._jobs = _jobs(config)
        self._command = started_by()
        SweepCallback.folder = folder = Path(config.hydra.sweep.dir).absolute()
        for name in (IDENTITIES, TUNING):  # of an earlier sweep in the same folder
            (folder / name).unlink(missing_ok=True)
        open_sweep(self._own_run(config, folder))
        SweepCallback.completes_with = completing(self._command)
        if not checks_all_jobs(config):  # then nothing is left to be waited for
            with session(_tracking(config)):
                pass

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """After the last job."""
        SweepCallback.failed = 1  # until all is said: Hydra makes a warning of what goes wrong here
        folder = Path(config.hydra.sweep.dir).absolute()
        results = summary.read_results(folder, since=self._began / 1000)
        jobs = max(self._jobs or 0, len(results))
        if not jobs:  # a search that is complete already
            SweepCallback.failed = 0
            return
        counts = summary.totals(results, jobs)
        failed = counts[Status.FAILED] + counts[summary.MISSING]
        folder.mkdir(parents=True, exist_ok=True)
        summary.write_csv(summary.rows(results), folder / TABLE)
        judged = summary.judged(results)
        summary.show(summary.rows(judged), summary.score_name(judged), sys.stdout)
        print(summary.sentence(counts))
        if failed:
            print(f"Train what is not finished with: {SweepCallback.completes_with}")
        SweepCallback.completes_with = ""
        self._log(config, folder, judged, counts)
        ui = " ".join(
            [
                f"{program()} ui",
                *(o for o in shown(config.hydra.overrides.task) if "tracking." in o),
            ]
        )
        print(f"Open the dashboard with: {ui}   (tag sweep = {sweep_id(str(folder))})")
        SweepCallback.failed = failed

    def _own_run(self, config: DictConfig, folder: Path) -> RunStarted:
        """The start of the sweep's own MLflow run."""
        name = sweep_id(str(folder))
        began = datetime.fromtimestamp(self._began // 1000)
        tags = {"kind": "sweep", "sweep": name, "folder": str(folder), "command": self._command}
        tags |= {"started": str(began)}
        if config.hydra.sweeper._target_ == TUNED:
            tags["tuned"] = "true"
        if config.skip_finished:
            tags["continues"] = "true"
        if self._jobs is not None:
            tags["jobs"] = str(self._jobs)
        return RunStarted(
            key=str(folder),
            folder=str(folder),
            experiment=config.tracking.experiment,
            name=f"sweep {name}",
            time_ms=self._began,
            tags=provenance(Path.cwd()) | tags,
            params={"overrides": " ".join(shown(config.hydra.overrides.task))},
        )

    def _log(
        self,
        config: DictConfig,
        folder: Path,
        results: list[dict[str, Any]],
        counts: dict[str, int],
    ) -> None:
        """The end of the sweep's own run: totals, table, one picture of the curves of these results."""
        keys = summary.varied(results)
        runs = [
            (_label(result, keys), os.path.relpath(Path(result["job"]) / METRICS, folder))
            for result in results
            if (Path(result["job"]) / METRICS).exists()
        ]
        title, against = f"sweep {sweep_id(str(folder))}", config.tracking.against
        with session(_tracking(config)) as (tracker, _):
            tracker.end(
                RunEnded(
                    key=str(folder),
                    status=Status.FINISHED,
                    time_ms=now_ms(),
                    tags={"jobs": str(counts["runs"])},
                    metrics={
                        name if name == "runs" else f"runs/{name}": float(count)
                        for name, count in counts.items()
                    },
                    artifacts=tuple(n for n in ARTIFACTS if (folder / n).exists()),
                    curves=Curves(tuple(runs), title=title, against=against) if runs else None,
                )
            )


def _jobs(config: DictConfig) -> int | None:
    """How many jobs the sweeper is going to ask for; None where only it knows."""
    sweeper = config.hydra.sweeper
    if sweeper._target_ not in GRIDS:
        return None
    context = HydraContext(GlobalHydra.instance().config_loader(), Callbacks())
    try:
        return sum(map(len, batches(config.hydra.overrides.task, sweeper.params, context, None)))
    except (HydraException, ConfigurationError):  # the sweeper is about to say what is wrong
        return None


def _tracking(config: DictConfig) -> Any:
    return OmegaConf.to_object(config.tracking)


def _label(result: dict[str, Any], keys: list[str]) -> str:
    """Runs that differ in their seed alone are drawn as one group."""
    chosen = summary.overrides(result)
    return " ".join(chosen.get(key, "") for key in keys) or result["names"]["optimizer"]
