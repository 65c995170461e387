"""What a run leaves in its folder and tells MLflow, from its start to its end."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

from harness.configuration.identity import plugin_versions
from harness.configuration.job import Job
from harness.execution.result_file import RESULT, write_result
from harness.prediction.parameters import DESCRIPTION, PARAMETERS
from harness.registry.registry import Registry
from harness.tracking import rate_range
from harness.tracking.address import without_secrets
from harness.tracking.events import Curves, MetricsLogged, RunEnded, RunStarted, now_ms
from harness.tracking.metrics_csv import METRICS, write_metrics
from harness.tracking.provenance import provenance
from harness.tracking.tracker import Tracker
from harness.training.records import Ended, Result, Status

__all__ = ["CONFIGURATION", "RunRecorder"]

CONFIGURATION = (
    "configuration.json"  # complete: every value, and the component chosen in each group
)
ERROR = "error.txt"
RESULTS = (PARAMETERS, DESCRIPTION, METRICS, RESULT, ERROR)
WITHOUT_COMMAND_LINE = (CONFIGURATION, *RESULTS)  # it may hold the password of the store
ARTIFACTS = (".hydra/config.yaml", ".hydra/overrides.yaml", *WITHOUT_COMMAND_LINE)


class RunRecorder:
    """Writes down what happens to one run, in its folder and in MLflow.

    Args:
        job: The run, and its folder.
        tags: Further tags of its MLflow run, such as `identity` and `stack_size`.
        registry: Registry of its components.
        tracker: Tracker that writes to MLflow.

    Attributes:
        begun: Whether its training has begun.
    """

    def __init__(
        self, job: Job, tags: dict[str, str], registry: Registry, tracker: Tracker
    ) -> None:
        self.begun = False
        self._job = job
        self._tags = tags
        self._registry = registry
        self._tracker = tracker
        self._key = str(job.folder)
        self._metrics: list[tuple[int, dict[str, float]]] = []  # of each epoch, with its number

    def begin(self, tags: dict[str, str]) -> None:
        """The run begins: its folder is made ready, and its MLflow run, with further tags."""
        self.begun = True
        job, run = self._job, self._job.run
        tags = {
            **run.names,
            **{f"plugin/{n}": v for n, v in plugin_versions(run, self._registry).items()},
            **_provenance(),
            **tags,
            **self._tags,
            "kind": "run",
            "seed": str(run.config.seed),
            "folder": self._key,
        }
        if job.sweep:
            tags["sweep"] = job.sweep
        if run.config.tracking.phase:
            tags["phase"] = run.config.tracking.phase
        job.folder.mkdir(parents=True, exist_ok=True)
        for name in RESULTS:  # of an earlier run in the same folder
            (job.folder / name).unlink(missing_ok=True)
        tracking = run.config.tracking
        params = {**run.params, "tracking.uri": without_secrets(tracking.uri)}
        (job.folder / CONFIGURATION).write_text(json.dumps(params, indent=1), encoding="utf-8")
        self._tracker.start(
            RunStarted(
                key=self._key,
                folder=self._key,
                experiment=tracking.experiment,
                name=job.name,
                time_ms=now_ms(),
                tags=tags,
                params=params,
                log_model=self._wants(tracking.log_model),
            )
        )

    def begin_again(self) -> int:
        """Its training begins anew, its MLflow run goes on. Returns how many epochs are lost."""
        epochs = len(self._metrics)
        self._metrics = []
        return epochs

    def epoch(self, number: int, metrics: dict[str, float], time_ms: int) -> None:
        """An epoch is over; the first has the number 1."""
        self._metrics.append((number, metrics))
        self._tracker.log(MetricsLogged(self._key, number, time_ms, metrics))

    def end(self, record: Ended) -> Result:
        """The run is over; its parameters are in its folder already."""
        return self._end(record.status, record.epochs, record.best_epoch, record.metrics)

    def fail(self, error: str, details: str) -> Result:
        """An error ends the run, which may not have begun.

        Args:
            error: What was wrong, in a sentence.
            details: The text of `error.txt`.
        """
        if not self.begun:
            self.begin({})
        (self._job.folder / ERROR).write_text(details, encoding="utf-8")
        return self._end(Status.FAILED, len(self._metrics), 0, {}, error)

    def _end(
        self,
        status: Status,
        epochs: int,
        best_epoch: int,
        metrics: dict[str, float],
        error: str = "",
    ) -> Result:
        job, tracking = self._job, self._job.run.config.tracking
        rows, self._metrics = self._metrics, []
        ranged = tracking.against == "rate" and bool(rows)
        metrics = {**metrics, **(rate_range.suggested_rates_of_run(rows) if ranged else {})}
        result = Result(
            name=job.name,
            folder=self._key,
            overrides=job.overrides,
            names=job.run.names,
            status=status,
            epochs=epochs,
            best_epoch=best_epoch,
            metrics=metrics,
            error=error,
            phase=tracking.phase,
        )
        if rows:
            write_metrics(job.folder, rows)
        write_result(job.folder, asdict(result))
        usable = status in (Status.FINISHED, Status.STOPPED_EARLY)
        names = ARTIFACTS if without_secrets(tracking.uri) == tracking.uri else WITHOUT_COMMAND_LINE
        curves = Curves(((job.name, METRICS),), title=job.name, against=tracking.against)
        self._tracker.end(
            RunEnded(
                key=self._key,
                status=status,
                time_ms=now_ms(),
                metrics=metrics,
                artifacts=tuple(name for name in names if (job.folder / name).exists()),
                log_model=self._wants(tracking.log_model) and usable,
                curves=curves if self._wants(tracking.picture) and rows else None,
            )
        )
        return result

    def _wants(self, setting: bool | None) -> bool:
        """Whether to do what takes time: for a run by itself, unless the user says otherwise."""
        return self._job.sweep is None if setting is None else setting


@lru_cache(maxsize=1)
def _provenance() -> dict[str, str]:
    return provenance(Path.cwd())
