"""What a sweep that was started in a folder has left there."""

from __future__ import annotations

import json
from pathlib import Path

from harness.tracking.reading.logged_runs import LoggedRun, search_runs


def results(folder: Path) -> dict[str, dict]:
    """The results of a sweep by job, without the folders in which they were."""
    paths = folder.glob("outputs/sweeps/*/*/*/result.json")
    by_job = {path.parent.name: json.loads(path.read_text()) for path in paths}
    return {job: {**result, "folder": ""} for job, result in by_job.items()}


def logged(folder: Path, kind: str = "run") -> list[LoggedRun]:
    return search_runs(f"sqlite:///{folder}/outputs/mlflow.db", "harness", {"kind": kind})
