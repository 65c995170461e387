"""A file that a run left, in the run's folder or among its artifacts. Reads only."""

from __future__ import annotations

import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from harness.errors import TrackingError
from harness.tracking.address import local_folder, resolve_uri, without_secrets
from harness.tracking.mlflow_defaults import set_mlflow_defaults
from harness.tracking.reading.logged_runs import LoggedRun

__all__ = ["read_run_file"]


def read_run_file(run: LoggedRun, name: str, uri: str) -> str | None:
    """The text of a file that a run left in its folder and logged at its end.

    Args:
        run: The run, which has the tag `folder`.
        name: Relative path of the file in the folder, and among the artifacts.
        uri: Address of the store, as in `tracking.uri`.

    Returns:
        The text; None if the file is neither in the folder nor among the artifacts.

    Raises:
        TrackingError: If the artifacts cannot be read.
    """
    folder = run.tags.get("folder")
    folders = [Path(folder)] if folder else []
    if (artifacts := local_folder(run.artifact_uri)) is not None:
        folders.append(artifacts)
    for place in folders:
        try:
            return (place / name).read_text(encoding="utf-8")
        except OSError:
            continue
    return None if artifacts or not run.artifact_uri else _download(run, name, uri)


def _download(run: LoggedRun, name: str, uri: str) -> str | None:
    """The text through MLflow, from artifacts that are in no folder of this machine."""
    resolved = resolve_uri(uri, Path.cwd())
    set_mlflow_defaults()
    with warnings.catch_warnings(), TemporaryDirectory() as target:
        warnings.simplefilter("ignore")  # MLflow's own warnings mean nothing to the user
        from mlflow.exceptions import MlflowException
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        try:
            repository: Any = get_artifact_repository(run.artifact_uri, tracking_uri=resolved)
            folder = str(Path(name).parent)
            files = repository.list_artifacts(None if folder == "." else folder)
            if name not in [file.path for file in files]:
                return None
            return Path(repository.download_artifacts(name, target)).read_text(encoding="utf-8")
        except (MlflowException, OSError) as error:
            raise TrackingError(
                f"The artifacts of {run.name} in {without_secrets(resolved)} cannot be read: "
                f"{error}."
            ) from error
