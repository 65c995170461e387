"""What is kept of the runs of a stack: their folders, their MLflow runs, the progress a person sees."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

import numpy as np

from harness.data import Prepared
from harness.job import Job
from harness.network import Network
from harness.objective import DECAY
from harness.progress import Progress
from harness.records import Ended, Epoch, Result, Status
from harness.registry import Registry
from harness.settings import GROUPS, Run
from harness.stack import Stack
from harness.tracking import results
from harness.tracking.description import Description
from harness.tracking.events import Curves, MetricsLogged, RunEnded, RunStarted, now_ms
from harness.tracking.provenance import provenance
from harness.tracking.tracker import Tracker

__all__ = ["RESULT", "StackRecorder"]

CONFIGURATION = (
    "configuration.json"  # complete: every value, and the component chosen in each group
)
RESULT = "result.json"
ERROR = "error.txt"
RESULTS = (results.PARAMETERS, results.DESCRIPTION, results.METRICS, RESULT, ERROR)
ARTIFACTS = (CONFIGURATION, ".hydra/config.yaml", ".hydra/overrides.yaml", *RESULTS)


class StackRecorder:
    """Takes down what happens to the runs of one stack. results: by position, of those that are over."""

    def __init__(
        self, jobs: list[Job], registry: Registry, tracker: Tracker, progress: Progress
    ) -> None:
        self.stack = Stack(tuple(job.run for job in jobs))
        self.results: dict[int, Result] = {}
        self._jobs = jobs
        self._registry = registry
        self._tracker = tracker
        self._progress = progress
        self._rows: dict[
            int, list[tuple[int, dict[str, float]]]
        ] = {}  # of the runs that have begun

    def unfinished(self) -> dict[int, StackRecorder]:
        """A recorder for each run that is not over, to train it alone; by position."""
        parts = {}
        for position, job in enumerate(self._jobs):
            if position not in self.results:
                part = StackRecorder([job], self._registry, self._tracker, self._progress)
                if position in self._rows:  # its MLflow run has begun, and goes on
                    part._rows[0] = []
                parts[position] = part
        return parts

    def start(self, data: Prepared, theta: np.ndarray) -> None:
        """Training begins, from θ, (R, P)."""
        for position, job in enumerate(self._jobs):
            if position in self._rows:
                continue
            order = self.stack.part([position]).order(1, len(data.train))
            hashes = {
                "sha256/data": data.sha256,
                "sha256/split": data.split_sha256,
                "sha256/initial_weights": _sha256(theta[position]),
                "sha256/order": _sha256(order),  # of the first epoch; the seed fixes the others
                "data/source": data.source,
            }
            self._begin(position, job, hashes)

    def fail(self, error: Exception, details: str) -> None:
        """Ends the runs that have no result yet."""
        for position, job in enumerate(self._jobs):
            if position in self.results:
                continue
            if position not in self._rows:
                self._begin(position, job, {})
            (job.folder / ERROR).write_text(details, encoding="utf-8")
            self._finish(position, Ended(position, Status.FAILED, 0, 0, np.empty(0)), str(error))

    def _begin(self, position: int, job: Job, hashes: dict[str, str]) -> None:
        run = job.run
        tags = {
            **run.names,
            **_plugin_tags(run, self._registry),
            **_provenance(),
            **hashes,
            "kind": "run",
            "seed": str(run.config.seed),
            "stack_size": str(len(self._jobs)),
            "folder": str(job.folder),
        }
        if job.sweep:
            tags["sweep"] = job.sweep
        job.folder.mkdir(parents=True, exist_ok=True)
        for name in RESULTS:  # of an earlier run in the same folder
            (job.folder / name).unlink(missing_ok=True)
        configuration = json.dumps(run.params, indent=1)
        (job.folder / CONFIGURATION).write_text(configuration, encoding="utf-8")
        event = RunStarted(
            key=str(job.folder),
            folder=str(job.folder),
            experiment=run.config.tracking.experiment,
            name=job.name,
            time_ms=now_ms(),
            tags=tags,
            params=run.params,
        )
        self._tracker.start(event)
        self._rows[position] = []

    def epoch(self, record: Epoch) -> None:
        """An epoch of the runs that are still in training is over."""
        time_ms = now_ms()
        columns = {name: values.tolist() for name, values in record.metrics.items()}
        for row, position in enumerate(record.runs):
            values = {name: column[row] for name, column in columns.items()}
            self._rows[position].append((record.number, values))
            key = str(self._jobs[position].folder)
            self._tracker.log(MetricsLogged(key, record.number, time_ms, values))
        if record.number == 1:
            self._warn_of_unlike_terms(columns, record.runs)
        self._progress.epoch(record, [self._jobs[position].name for position in record.runs])

    def _warn_of_unlike_terms(
        self, columns: dict[str, list[float]], positions: tuple[int, ...]
    ) -> None:
        """λ should bring the terms of ℒ to a like size: warns where one is ten times another."""
        objective = self.stack.objective
        names = [objective.name, *(term.name for term in objective.auxiliary)]
        names += [DECAY] if objective.weight_decay is not None else []
        for row, position in enumerate(positions):
            sizes = {
                name: abs(columns[f"train/{name}"][row])
                for name in names
                if f"train/{name}" in columns
            }
            largest, smallest = max(sizes, key=sizes.__getitem__), min(sizes, key=sizes.__getitem__)
            if sizes[largest] > 10 * sizes[smallest]:
                self._progress.warn(
                    f"{self._jobs[position].name}: after the first epoch the term {largest} "
                    f"({sizes[largest]:.3g}) is more than ten times {smallest} "
                    f"({sizes[smallest]:.3g}). Terms of like size let each have a say: change its λ."
                )

    def end(self, record: Ended, data: Prepared, network: Network) -> None:
        """A run is over: its parameters are saved."""
        job = self._jobs[record.run]
        config = job.run.config
        description = Description(
            sizes=network.sizes,
            activation=network.activation,
            slope=network.slope,
            bias=network.bias,
            task=data.task,
            output_activation=config.loss.output_activation,
            classes=data.classes,
            feature_names=data.feature_names,
            scaling=data.scaling.to_dict(),
            backend=job.run.names["backend"],
            dtype=config.backend.dtype,
        )
        results.save_parameters(job.folder, description, record.theta)
        self._finish(record.run, record)

    def _finish(self, position: int, record: Ended, error: str = "") -> None:
        job = self._jobs[position]
        result = Result(
            name=job.name,
            folder=str(job.folder),
            overrides=job.overrides,
            names=job.run.names,
            status=record.status,
            epochs=record.epochs,
            best_epoch=record.best_epoch,
            metrics=record.metrics,
            error=error,
        )
        self.results[position] = result
        if self._rows[position]:
            results.write_metrics(job.folder, self._rows[position])
        (job.folder / RESULT).write_text(json.dumps(asdict(result), indent=1), encoding="utf-8")
        usable = record.status in (Status.FINISHED, Status.STOPPED_EARLY)
        single = job.sweep is None
        tracking = job.run.config.tracking
        picture = single if tracking.picture is None else tracking.picture
        model = single if tracking.log_model is None else tracking.log_model
        curves = Curves(((job.name, results.METRICS),), title=job.name)
        self._tracker.end(
            RunEnded(
                key=str(job.folder),
                status=record.status,
                time_ms=now_ms(),
                metrics=record.metrics,
                artifacts=tuple(name for name in ARTIFACTS if (job.folder / name).exists()),
                log_model=model and usable,
                curves=curves if picture and self._rows[position] else None,
            )
        )
        self._progress.ended(result)


def _plugin_tags(run: Run, registry: Registry) -> dict[str, str]:
    """`plugin/NAME` → version, of each plugin that the run uses."""
    chosen = [(kind, run.names[group]) for group, kind in GROUPS.items() if kind]
    chosen += [("auxiliary_loss", name) for name in run.auxiliary]
    plugins = [registry.provider(kind, name) for kind, name in chosen]
    return {f"plugin/{plugin.name}": plugin.version for plugin in plugins}


@lru_cache(maxsize=1)
def _provenance() -> dict[str, str]:
    return provenance(Path.cwd())


def _sha256(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
