"""Puts the files of a run where its artifacts belong."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.errors import TrackingError
from harness.tracking.address import local_folder
from harness.tracking.events import RunEnded
from harness.tracking.learning_curves import draw_learning_curves
from harness.tracking.rate_range import draw_range_test
from harness.tracking.writing.log_batch import JournalCursor

__all__ = ["delete_artifacts", "log_artifacts", "log_run_end"]

_one_at_a_time = threading.Lock()  # matplotlib's figures and MLflow's current store are global


def log_run_end(uri: str, run: JournalCursor, event: RunEnded) -> None:
    """Copies what the end of a run names; draws its picture and logs its model if it asks for them.

    uri: of the store. Raises TrackingError for a path that leads out of the run's folder.
    """
    folder = run.folder.resolve()
    artifacts = [_inside(folder, artifact) for artifact in event.artifacts]
    if event.curves:
        picture = _inside(folder, event.curves.name)
        found = tuple((label, str(_inside(folder, path))) for label, path in event.curves.runs)
        draw = draw_range_test if event.curves.against == "rate" else draw_learning_curves
        with _one_at_a_time:
            draw(replace(event.curves, runs=found), picture)
        artifacts.append(picture)
    log_artifacts(artifacts, run.artifact_uri, uri)
    if event.log_model:
        from harness.tracking.writing.model import log_model

        with _one_at_a_time:
            log_model(uri, run.run_id, run.folder)


def log_artifacts(artifacts: list[Path], artifact_uri: str, uri: str) -> None:
    """Copies files and folders to an artifact address of the store `uri`."""
    target = local_folder(artifact_uri)
    if artifacts and target:
        _copy(artifacts, target)
    elif artifacts:
        _upload(artifacts, artifact_uri, uri)


def delete_artifacts(names: Sequence[str], artifact_uri: str, uri: str) -> None:
    """Deletes files at an artifact address of the store `uri`; those that are not there are no matter.

    Where MLflow cannot delete, they stay. Raises TrackingError for a path that leads elsewhere.
    """
    target = local_folder(artifact_uri)
    if target:
        for name in names:
            _inside(target.resolve(), name).unlink(missing_ok=True)
        return
    repository = _repository(artifact_uri, uri)
    with suppress(NotImplementedError):
        for name in names:
            repository.delete_artifacts(name)


def _inside(folder: Path, name: str) -> Path:
    """A path in a run's folder. A journal may come from elsewhere, and must not name other files."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder):
        raise TrackingError(f"The journal in {folder} names a file outside that folder: {name!r}.")
    return path


def _copy(artifacts: list[Path], target: Path) -> None:
    """What MLflow's repository does, which takes 1 ms a file for looking at its own address."""
    target.mkdir(parents=True, exist_ok=True)
    for artifact in artifacts:
        if artifact.is_dir():
            shutil.copytree(artifact, target / artifact.name, dirs_exist_ok=True)
        else:
            shutil.copyfile(artifact, target / artifact.name)


def _upload(artifacts: list[Path], artifact_uri: str, uri: str) -> None:
    repository = _repository(artifact_uri, uri)
    for artifact in artifacts:
        if artifact.is_dir():
            repository.log_artifacts(str(artifact), artifact.name)
        else:
            repository.log_artifact(str(artifact))


def _repository(artifact_uri: str, uri: str) -> Any:
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    # Not MLflow's client: it asks for the run each time
    return get_artifact_repository(artifact_uri, tracking_uri=uri)
