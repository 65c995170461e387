"""What happens around a Hydra multirun, whichever launcher runs its jobs."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from harness.job import sweep_id
from harness.records import Status
from harness.session import close_sweeps, open_sweep, session
from harness.sweep import summary
from harness.tracking.events import Curves, RunEnded, RunStarted, now_ms
from harness.tracking.provenance import provenance
from harness.tracking.results import METRICS

__all__ = ["SweepCallback"]


class SweepCallback(Callback):
    """Keeps one writer process for the sweep; at its end shows the table and logs the sweep's own run.

    failed: runs that ended with an error in the last sweep of this process.
    """

    failed = 0

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Before the first job is composed."""
        self._began = now_ms()
        open_sweep()

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """After the last job."""
        folder = Path(config.hydra.sweep.dir).absolute()
        results = summary.read_results(folder, since=self._began / 1000)
        if not results:
            return
        table = summary.rows(results)
        summary.write_csv(table, folder / "table.csv")
        summary.show(table, summary.score_name(results), sys.stdout)
        self._log(config, folder, results)
        close_sweeps()
        SweepCallback.failed = summary.totals(results)[Status.FAILED]
        beside = Path(sys.executable).with_name("harness")  # `make demo` activates no environment
        command = "harness" if shutil.which("harness") else os.path.relpath(beside)
        ui = " ".join(
            [f"{command} ui", *(o for o in config.hydra.overrides.task if "tracking." in o)]
        )
        print(f"Open the dashboard with: {ui}   (tag sweep = {sweep_id(str(folder))})")

    def _log(self, config: DictConfig, folder: Path, results: list[dict[str, Any]]) -> None:
        """The sweep's own MLflow run: totals, table, one picture of all curves."""
        tracking: Any = OmegaConf.to_object(config.tracking)
        name = sweep_id(str(folder))
        counts, keys = summary.totals(results), summary.varied(results)
        runs = [
            (_label(result, keys), os.path.relpath(Path(result["folder"]) / METRICS, folder))
            for result in results
            if (Path(result["folder"]) / METRICS).exists()
        ]
        with session(tracking) as (tracker, _):
            tracker.start(
                RunStarted(
                    key=str(folder),
                    folder=str(folder),
                    experiment=tracking.experiment,
                    name=f"sweep {name}",
                    time_ms=self._began,
                    tags={**provenance(Path.cwd()), "sweep": name, "kind": "sweep"},
                    params={"overrides": " ".join(config.hydra.overrides.task)},
                )
            )
            tracker.end(
                RunEnded(
                    key=str(folder),
                    status=Status.FINISHED,
                    time_ms=now_ms(),
                    metrics={"runs": float(len(results))}
                    | {f"runs/{status}": float(counts[status]) for status in Status},
                    artifacts=("table.csv",),
                    curves=Curves(tuple(runs), title=f"sweep {name}") if runs else None,
                )
            )


def _label(result: dict[str, Any], keys: list[str]) -> str:
    """Runs that differ in their seed alone are drawn as one group."""
    chosen = summary.overrides(result)
    return " ".join(chosen.get(key, "") for key in keys) or result["names"]["optimizer"]
