"""Runs that the store has finished already, so that an interrupted sweep goes on where it was."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Iterable, Sequence, Set
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from harness.configuration.job import Job
from harness.execution.run_files import RESULT
from harness.tracking.journal import read_receipt, write_atomically
from harness.tracking.metrics_csv import METRICS
from harness.tracking.reading import logged_runs
from harness.tracking.reading.logged_runs import LoggedRun
from harness.tracking.reading.run_files import read_run_file
from harness.training.records import Result, Status

__all__ = ["DONE", "IDENTITIES", "finished_results", "read_identities", "write_identities"]

DONE = frozenset(Status) - {Status.FAILED}  # how a run ends that has done what it was asked to

IDENTITIES = "identities.txt"  # in a sweep's folder: of its jobs, one a line


def finished_results(jobs: Sequence[Job], identities: Sequence[str]) -> dict[int, Result]:
    """The results of the jobs that need no training, by position.

    Those are the jobs with `skip_finished` whose identity has a run of the same phase in the store that
    is over and did not fail: a comparison finds the counting runs by their phase. Each gets the earlier
    run's `result.json` and `metrics.csv` into its own folder, marked as skipped, so that the folder of a
    continued sweep holds the whole of it. One query, whatever the number of jobs. Raises TrackingError
    if the store cannot be read.
    """
    wanted = {
        (identity, job.run.config.tracking.phase)
        for job, identity in zip(jobs, identities, strict=True)
        if job.run.config.skip_finished
    }
    if not wanted:
        return {}
    tracking = jobs[0].run.config.tracking
    earlier = _finished(tracking.uri, tracking.experiment, wanted)
    found = {}
    for position, (job, identity) in enumerate(zip(jobs, identities, strict=True)):
        key = (identity, job.run.config.tracking.phase)
        if job.run.config.skip_finished and key in earlier:
            found[position] = _taken_over(earlier[key], job)
    return found


def _finished(
    uri: str, experiment: str, wanted: Set[tuple[str, str]]
) -> dict[tuple[str, str], LoggedRun]:
    """The last run of each identity and phase that is over and did not fail."""
    tags = {"kind": "run"}
    if len(wanted) == 1:  # a job alone, as `hydra/launcher=basic` starts them
        tags["identity"] = next(iter(wanted))[0]
    found = {}
    for run in logged_runs.search_runs(uri, experiment, tags):
        key = (run.tags.get("identity", ""), run.tags.get("phase", ""))
        if key in wanted and run.tags.get("status") in DONE:
            found[key] = run
    return found


def _taken_over(run: LoggedRun, job: Job) -> Result:
    """The result of an earlier run as that of a job, left in the job's folder."""
    folder = Path(run.tags.get("folder", ""))
    result = _kept(run, folder) or _from_store(run, job)
    result = replace(
        result,
        name=job.name,
        overrides=job.overrides,
        names=job.run.names,
        phase=job.run.config.tracking.phase,
    )
    job.folder.mkdir(parents=True, exist_ok=True)
    if (folder / METRICS).exists() and folder != job.folder:
        shutil.copyfile(folder / METRICS, job.folder / METRICS)
    text = json.dumps({**asdict(result), "skipped": True}, indent=1)
    write_atomically(job.folder / RESULT, text.encode())
    return result


def _kept(run: LoggedRun, folder: Path) -> Result | None:
    """What the run left in its folder; None if the folder is gone or another run's by now."""
    if read_receipt(folder).get("run_id") != run.run_id:
        return None
    try:
        fields = json.loads((folder / RESULT).read_text(encoding="utf-8"))
        fields.pop("skipped", None)
        fields |= {"status": Status(fields["status"]), "overrides": tuple(fields["overrides"])}
        return Result(**fields)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _from_store(run: LoggedRun, job: Job) -> Result:
    """What the store knows of a run. Imports MLflow."""
    from harness.tracking.address import resolve_uri
    from harness.tracking.store import open_store

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's own are not for the person who trains
        client: Any = open_store(resolve_uri(job.run.config.tracking.uri, Path.cwd())).client
        metrics = client.get_run(run.run_id).data.metrics
        losses = client.get_metric_history(run.run_id, "train/loss")
    epochs = max((loss.step for loss in losses), default=0)
    return Result(
        name=run.name,
        folder=run.tags.get("folder", ""),
        overrides=(),
        names={},
        status=Status(run.tags["status"]),
        epochs=epochs,
        best_epoch=int(metrics.get("best/epoch", epochs)),
        metrics={
            name: value for name, value in metrics.items() if name.startswith(("best/", "test/"))
        },
    )


def write_identities(folder: Path, identities: Iterable[str]) -> None:
    """Adds the identities of jobs to a sweep's folder, before they train: `harness sweeps` counts by
    them what is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / IDENTITIES).open("a", encoding="utf-8") as file:
        file.write("".join(f"{identity}\n" for identity in identities))


def read_identities(sweep: LoggedRun, uri: str) -> list[str]:
    """The identities that were noted for a sweep, by its own run; [] if none were, or they are gone.

    They are in its folder and, once it has ended, among its artifacts.
    """
    return (read_run_file(sweep, IDENTITIES, uri) or "").split()
