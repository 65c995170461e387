"""Copies files to the artifacts of a run, and deletes them there."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.errors import TrackingError
from harness.tracking.address import local_folder

__all__ = ["delete_artifacts", "log_artifacts", "path_inside"]


def log_artifacts(paths: Sequence[Path], artifact_uri: str, uri: str) -> None:
    """Copies files and folders to an artifact address.

    Args:
        paths: Files and folders to copy.
        artifact_uri: Artifact address of the run.
        uri: Resolved address of the store.
    """
    folder = local_folder(artifact_uri)
    if paths and folder:
        _copy(paths, folder)
    elif paths:
        _upload(paths, artifact_uri, uri)


def delete_artifacts(names: Sequence[str], artifact_uri: str, uri: str) -> None:
    """Deletes those of some files that exist at an artifact address.

    Where MLflow cannot delete, they stay.

    Args:
        names: Relative paths of the files.
        artifact_uri: Artifact address of the run.
        uri: Resolved address of the store.

    Raises:
        TrackingError: For a path that leads elsewhere.
    """
    folder = local_folder(artifact_uri)
    if folder:
        for name in names:
            path_inside(folder.resolve(), name).unlink(missing_ok=True)
        return
    repository = _repository(artifact_uri, uri)
    with suppress(NotImplementedError):
        for name in names:
            repository.delete_artifacts(name)


def path_inside(folder: Path, name: str) -> Path:
    """The resolved path of a file in a resolved folder. Raises TrackingError if it lies outside."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder):
        raise TrackingError(
            f"Artifacts of a run must lie in {folder}. Got {name!r}, a file outside that folder."
        )
    return path


def _copy(paths: Sequence[Path], folder: Path) -> None:
    """Copies as MLflow's repository does, which spends 1 ms a file on parsing its own address."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in paths:
        if path.is_dir():
            shutil.copytree(path, folder / path.name, dirs_exist_ok=True)
        else:
            shutil.copyfile(path, folder / path.name)


def _upload(paths: Sequence[Path], artifact_uri: str, uri: str) -> None:
    repository = _repository(artifact_uri, uri)
    for path in paths:
        if path.is_dir():
            repository.log_artifacts(str(path), path.name)
        else:
            repository.log_artifact(str(path))


def _repository(artifact_uri: str, uri: str) -> Any:
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    # Not MLflow's client, which asks the store for the run at each call
    return get_artifact_repository(artifact_uri, tracking_uri=uri)
