"""Runs that are finished in the store already: an interrupted sweep goes on where it was."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterable, Sequence, Set
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from harness.configuration.job import Job
from harness.execution.pending import PendingJob
from harness.execution.result_file import read_result, result_of, write_result
from harness.tracking.metrics_csv import METRICS
from harness.tracking.reading import logged_runs
from harness.tracking.reading.logged_runs import LoggedRun
from harness.tracking.reading.run_files import read_run_file
from harness.tracking.receipt import read_receipt
from harness.training.records import Result, Status

__all__ = [
    "DONE",
    "IDENTITIES",
    "read_identities",
    "read_job_keys",
    "reuse_finished",
    "write_identities",
]

DONE = frozenset(Status) - {Status.FAILED}  # how a run ends that has done what it was asked to

# In a sweep's folder, a line a job: its identity and, in a tuning protocol, its phase
IDENTITIES = "identities.txt"


def reuse_finished(pending: Sequence[PendingJob]) -> list[PendingJob]:
    """Gives the jobs that need no training the results of earlier runs. Returns the others.

    A job with `skip_finished` needs no training if its identity has a run of the same phase in the store
    that is over and did not fail; the phase, because a comparison chooses runs by it. The job gets the
    earlier run's `result.json` and `metrics.csv` into its own folder, marked as skipped, so that the
    folder of a continued sweep holds the whole of it. One query, whatever the number of jobs. Raises
    TrackingError if the store cannot be read.
    """
    keys = {_key(p) for p in pending if p.run.config.skip_finished}
    if keys:
        tracking = pending[0].run.config.tracking
        finished = _finished(tracking.uri, tracking.experiment, keys)
        for p in pending:
            if p.run.config.skip_finished and _key(p) in finished:
                p.result = _reused(finished[_key(p)], p.job)
    return [p for p in pending if p.result is None]


def _key(pending: PendingJob) -> tuple[str, str]:
    """Identity and phase."""
    return pending.identity, pending.run.config.tracking.phase


def _finished(
    uri: str, experiment: str, keys: Set[tuple[str, str]]
) -> dict[tuple[str, str], LoggedRun]:
    """The last run of each identity and phase that is over and did not fail."""
    tags = {"kind": "run"}
    if len(keys) == 1:  # a job alone, as `hydra/launcher=basic` starts them
        tags["identity"] = next(iter(keys))[0]
    finished = {}
    for run in logged_runs.search_runs(uri, experiment, tags):
        key = (run.tags.get("identity", ""), run.tags.get("phase", ""))
        if key in keys and run.tags.get("status") in DONE:
            finished[key] = run
    return finished


def _reused(run: LoggedRun, job: Job) -> Result:
    """The result of an earlier run as that of a job, left in the job's folder."""
    folder = Path(run.tags.get("folder", ""))
    result = replace(
        _result_in_folder(run, folder) or _result_in_store(run, job),
        name=job.name,
        overrides=job.overrides,
        names=job.run.names,
        phase=job.run.config.tracking.phase,
    )
    job.folder.mkdir(parents=True, exist_ok=True)
    if (folder / METRICS).exists() and folder != job.folder:
        shutil.copyfile(folder / METRICS, job.folder / METRICS)
    write_result(job.folder, {**asdict(result), "skipped": True})
    return result


def _result_in_folder(run: LoggedRun, folder: Path) -> Result | None:
    """What the run left in its folder; None if the folder is gone or another run's by now."""
    if read_receipt(folder).get("run_id") != run.run_id:
        return None
    try:
        return result_of(read_result(folder))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _result_in_store(run: LoggedRun, job: Job) -> Result:
    """What the store knows of a run. Imports MLflow."""
    from harness.tracking.address import resolve_uri
    from harness.tracking.store import open_store

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's own warnings are not for the person who trains
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


def write_identities(
    folder: Path, identities: Iterable[str], phases: Iterable[str] | None = None
) -> None:
    """Adds the identities of jobs to a sweep's folder, before they train.

    `harness sweeps` counts by them what is missing.

    Args:
        folder: The sweep's folder.
        identities: The identity of each job.
        phases: The phase of each job in a tuning protocol; None where there is no such protocol.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if phases is not None:
        pairs = zip(identities, phases, strict=True)
        identities = [f"{identity} {phase}".rstrip() for identity, phase in pairs]
    with (folder / IDENTITIES).open("a", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in identities))


def read_job_keys(sweep: LoggedRun, uri: str) -> list[tuple[str, str]]:
    """Identity and phase of each job that `write_identities` has left; [] if none, or if they are gone.

    They are in the sweep's folder and, once it has ended, among the artifacts of its own run.
    """
    lines = (read_run_file(sweep, IDENTITIES, uri) or "").splitlines()
    pairs = (line.partition(" ") for line in lines if line)
    return [(identity, phase) for identity, _, phase in pairs]


def read_identities(sweep: LoggedRun, uri: str) -> list[str]:
    """The identities alone, see `read_job_keys`."""
    return [identity for identity, _ in read_job_keys(sweep, uri)]
