"""Recovers finished runs of a worker that died, be it another machine or a process of this one."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from pathlib import Path

from harness.configuration.job import Job
from harness.execution.result_file import RESULT
from harness.tracking.address import resolve_uri
from harness.tracking.journal import JOURNAL
from harness.tracking.reading.logged_runs import LoggedRun, search_runs
from harness.tracking.receipt import read_receipt
from harness.tracking.store import open_store

__all__ = ["recover_finished"]

GRACE = 30.0  # seconds for the writer process of a dead worker, which may be dead as well


def recover_finished(jobs: Sequence[Job], since: int) -> list[int]:
    """Finds the jobs whose runs were over, and in the store, when their worker died.

    Deletes the other runs of the worker from the store, so that another try does not appear twice.

    Args:
        jobs: Jobs of the worker.
        since: Start of the sweep, in milliseconds since 1970: earlier runs belong to an earlier sweep.

    Returns:
        The positions of the finished jobs, in order.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations within MLflow, which is imported here
        logged = _logged_runs(jobs, since)
        if not logged:
            return []
        client = open_store(resolve_uri(jobs[0].run.config.tracking.uri, Path.cwd())).client
        infos = [client.get_run(run.run_id).info for run in logged]
        recent = {info.run_id for info in infos if info.start_time >= since}
        finished = {}
        for position, job in enumerate(jobs):
            receipt = read_receipt(job.folder)
            # The receipt of a run that was killed is complete, too, but it has no result
            if receipt.get("complete") and (job.folder / RESULT).exists():
                finished[str(receipt.get("run_id"))] = position
        for run_id in recent - finished.keys():
            client.delete_run(run_id)
    return sorted(position for run_id, position in finished.items() if run_id in recent)


def _logged_runs(jobs: Sequence[Job], since: int) -> list[LoggedRun]:
    """The runs of these jobs in the store, once their writer process has closed all of them.

    A writer process outlives its worker, closes the worker's runs and ends. No other run may begin in
    their folders before that: the writer would go on reading in the new journals.
    """
    tracking, sweep = jobs[0].run.config.tracking, jobs[0].sweep or ""
    folders = {str(job.folder) for job in jobs}
    with_journal = {str(job.folder) for job in jobs if _modified(job.folder / JOURNAL) >= since}
    deadline = time.monotonic() + GRACE
    while True:
        logged = [
            run
            for run in search_runs(
                tracking.uri, tracking.experiment, {"sweep": sweep, "kind": "run"}
            )
            if run.tags.get("folder") in folders
        ]
        closed = {run.tags["folder"] for run in logged if run.status != "RUNNING"}
        if closed >= with_journal | {run.tags["folder"] for run in logged}:
            return logged
        if time.monotonic() > deadline:
            return logged
        time.sleep(0.2)


def _modified(path: Path) -> float:
    """The time of the last change, in milliseconds since 1970; −1 if there is no such file."""
    try:
        return path.stat().st_mtime * 1000
    except OSError:
        return -1.0
