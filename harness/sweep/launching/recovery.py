"""What becomes of runs whose worker died: on another machine, or in another process of this one."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from pathlib import Path

from harness.configuration.job import Job
from harness.execution.result_file import RESULT
from harness.tracking.address import resolve_uri
from harness.tracking.journal import JOURNAL, read_receipt
from harness.tracking.reading.logged_runs import LoggedRun, search_runs
from harness.tracking.store import open_store

__all__ = ["recover_finished"]

GRACE = 30.0  # seconds for the writer process of a dead worker, waited out only if it is dead, too


def recover_finished(jobs: Sequence[Job], since: int) -> list[int]:
    """The positions of the jobs whose runs were over when their worker died, and are in the store.

    What it began of the others is deleted from the store, so that another try does not appear there
    twice. since: milliseconds since 1970; runs that began before belong to an earlier sweep.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of deprecations within MLflow, which is imported here
        begun = _begun(jobs, since)
        if not begun:
            return []
        client = open_store(resolve_uri(jobs[0].run.config.tracking.uri, Path.cwd())).client
        infos = [client.get_run(run.run_id).info for run in begun]
        recent = {info.run_id for info in infos if info.start_time >= since}
        whole = {}
        for position, job in enumerate(jobs):
            receipt = read_receipt(job.folder)
            # A run that was killed is complete in the store, too, but has no result
            if receipt.get("complete") and (job.folder / RESULT).exists():
                whole[str(receipt.get("run_id"))] = position
        for run_id in recent - whole.keys():
            client.delete_run(run_id)
    return sorted(position for run_id, position in whole.items() if run_id in recent)


def _begun(jobs: Sequence[Job], since: int) -> list[LoggedRun]:
    """The runs of these jobs in the store.

    A writer process outlives its worker, closes the worker's runs and ends. Until then no other may
    begin in their folders: it would go on reading in the new journals.
    """
    tracking, sweep = jobs[0].run.config.tracking, jobs[0].sweep or ""
    folders = {str(job.folder) for job in jobs}
    journals = {str(job.folder) for job in jobs if _modified(job.folder / JOURNAL) >= since}
    deadline = time.monotonic() + GRACE
    while True:
        found = [
            run
            for run in search_runs(
                tracking.uri, tracking.experiment, {"sweep": sweep, "kind": "run"}
            )
            if run.tags.get("folder") in folders
        ]
        closed = {run.tags["folder"] for run in found if run.status != "RUNNING"}
        if closed >= journals | {run.tags["folder"] for run in found}:
            return found
        if time.monotonic() > deadline:
            return found
        time.sleep(0.2)


def _modified(path: Path) -> float:
    """Milliseconds since 1970; -1 if there is no such file."""
    try:
        return path.stat().st_mtime * 1000
    except OSError:
        return -1.0
