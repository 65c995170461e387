"""From jobs to results: plans the stacks, trains them, and hands on what the loop yields.

Each job is a run with a folder of its own. Its records go to MLflow, its parameters and summary to the
folder; the progress display sees both. An error ends the runs of its own stack and no others.
"""

from __future__ import annotations

import hashlib
import json
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from harness.config import GROUPS, Config, Run
from harness.data import Prepared, prepare
from harness.errors import HarnessError
from harness.job import Job
from harness.progress import Progress
from harness.records import Ended, Epoch, Status
from harness.registry import Registry
from harness.stack import Stack, plan_stacks
from harness.tracking import results
from harness.tracking.description import Description
from harness.tracking.events import Curves, MetricsLogged, RunEnded, RunStarted, now_ms
from harness.tracking.provenance import provenance
from harness.tracking.tracker import Tracker
from harness.training import network_of, train

__all__ = ["RESULT", "Result", "run_jobs"]

RESULT = "result.json"


@dataclass(frozen=True)
class Result:
    """How a run ended. metrics: `best/…` and `test/…`."""

    name: str
    folder: str
    overrides: tuple[str, ...]
    names: dict[str, str]
    status: Status
    epochs: int = 0
    best_epoch: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    error: str = ""


def run_jobs(
    jobs: Sequence[Job], registry: Registry, tracker: Tracker, progress: Progress
) -> list[Result]:
    """Trains all jobs, as few stacks as their shapes allow. Returns their results in job order."""
    found: dict[int, Result] = {}
    data = _Data()
    progress.begin(len(jobs))
    for members in plan_stacks([job.run for job in jobs]):
        logger = _Logger([jobs[member] for member in members], data, registry, tracker, progress)
        try:
            logger.train()
        except HarnessError as error:
            logger.fail(error, str(error))
        except Exception as error:  # a plugin's fault must not end the other stacks
            logger.fail(error, traceback.format_exc())
        found |= {members[position]: result for position, result in logger.results.items()}
    progress.end()
    return [found[position] for position in range(len(jobs))]


class _Data:
    """Loads and prepares each choice of data once, and keeps the last one."""

    def __init__(self) -> None:
        self._key = ""
        self._prepared: Prepared | None = None

    def of(self, config: Config) -> Prepared:
        activation = config.loss.output_activation
        key = repr((config.dataset, activation, config.split))
        if self._prepared is None or key != self._key:
            loaded = config.dataset.load()
            self._prepared = prepare(loaded, config.dataset.task, activation, config.split)
            self._key = key
        return self._prepared


class _Logger:
    """Trains one stack and passes on what happens to its runs."""

    def __init__(
        self,
        jobs: list[Job],
        data: _Data,
        registry: Registry,
        tracker: Tracker,
        progress: Progress,
    ) -> None:
        self._jobs = jobs
        self._data = data
        self._registry = registry
        self._tracker = tracker
        self._progress = progress
        self._stack = Stack(tuple(job.run for job in jobs))
        self._started: set[int] = set()
        self._curves: list[results.MetricsFile] = []
        self.results: dict[int, Result] = {}

    def train(self) -> None:
        """Loads, trains, logs."""
        config = self._stack.shared.config
        data = self._data.of(config)
        network = network_of(self._stack, data)
        theta = self._stack.initial_theta(network)
        for position, job in enumerate(self._jobs):
            self._start(position, job, data, theta[position])
        for record in train(self._stack, data, theta):
            if isinstance(record, Epoch):
                self._log(record)
            else:
                self._end(record, data, network)

    def fail(self, error: Exception, details: str) -> None:
        """Ends the runs that have no result yet."""
        for position, job in enumerate(self._jobs):
            if position in self.results:
                continue
            if position not in self._started:
                self._begin(position, job, {})
            job.folder.mkdir(parents=True, exist_ok=True)
            (job.folder / "error.txt").write_text(details, encoding="utf-8")
            self._finish(position, Ended(position, Status.FAILED, 0, 0, np.empty(0)), str(error))

    def _start(self, position: int, job: Job, data: Prepared, theta: np.ndarray) -> None:
        order = self._stack.part([position]).order(1, len(data.train))
        self._begin(
            position,
            job,
            {
                "sha256/data": data.sha256,
                "sha256/split": data.split_sha256,
                "sha256/initial_weights": _sha256(theta),
                "sha256/order": _sha256(order),  # of the first epoch; the seed fixes the others
                "data/source": data.source,
            },
        )

    def _begin(self, position: int, job: Job, hashes: dict[str, str]) -> None:
        run = job.run
        tags = {
            **{group: run.names[group] for group in run.names},
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
        self._started.add(position)
        self._curves.append(results.MetricsFile(job.folder))

    def _log(self, record: Epoch) -> None:
        time_ms = now_ms()
        columns = {name: values.tolist() for name, values in record.metrics.items()}
        for row, position in enumerate(record.runs):
            values = {name: column[row] for name, column in columns.items()}
            self._curves[position].append(record.number, values)
            key = str(self._jobs[position].folder)
            self._tracker.log(MetricsLogged(key, record.number, time_ms, values))
        if record.number == 1:
            self._warn_of_unlike_terms(columns, record.runs)
        self._progress.epoch(record, [self._jobs[position].name for position in record.runs])

    def _warn_of_unlike_terms(
        self, columns: dict[str, list[float]], positions: tuple[int, ...]
    ) -> None:
        """λ should bring the terms of ℒ to a like size: warns where one is ten times another."""
        objective = self._stack.objective
        names = [objective.name, *(term.name for term in objective.auxiliary)]
        names += ["weight_decay"] if objective.weight_decay is not None else []
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

    def _end(self, record: Ended, data: Prepared, network: Any) -> None:
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
        (job.folder / RESULT).write_text(json.dumps(asdict(result), indent=1), encoding="utf-8")
        failed = record.status is Status.FAILED
        single = job.sweep is None
        tracking = job.run.config.tracking
        picture = single if tracking.picture is None else tracking.picture
        model = single if tracking.log_model is None else tracking.log_model
        curves = Curves(((job.name, str(job.folder / results.METRICS)),), title=job.name)
        self._tracker.end(
            RunEnded(
                key=str(job.folder),
                status=record.status,
                time_ms=now_ms(),
                metrics=record.metrics,
                artifacts=tuple(str(path) for path in _artifacts(job.folder)),
                model_folder=str(job.folder) if model and not failed else None,
                curves=curves if picture and not failed else None,
            )
        )
        self._progress.ended(result)


def _artifacts(folder: Path) -> list[Path]:
    """What a run's folder holds by now that belongs into MLflow."""
    names = [
        ".hydra/config.yaml",
        ".hydra/overrides.yaml",
        results.PARAMETERS,
        results.DESCRIPTION,
        results.METRICS,
        RESULT,
        "error.txt",
    ]
    return [path for name in names if (path := folder / name).exists()]


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
