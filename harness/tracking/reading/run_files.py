"""What a run has left, wherever that still is: in its folder, or among its artifacts. Reads only."""

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
    """The text of a file that a run left in its folder and logged at its end; None if neither has it.

    uri: of the store, as in `tracking.uri`. Raises TrackingError where the artifacts cannot be read.
    """
    folder = run.tags.get("folder")
    places = [Path(folder)] if folder else []
    if (artifacts := local_folder(run.artifact_uri)) is not None:
        places.append(artifacts)
    for place in places:
        try:
            return (place / name).read_text(encoding="utf-8")
        except OSError:
            continue
    return None if artifacts or not run.artifact_uri else _downloaded(run, name, uri)


def _downloaded(run: LoggedRun, name: str, uri: str) -> str | None:
    """Through MLflow, from wherever its artifacts are."""
    resolved = resolve_uri(uri, Path.cwd())
    set_mlflow_defaults()
    with warnings.catch_warnings(), TemporaryDirectory() as place:
        warnings.simplefilter("ignore")  # MLflow's own are not for the person who asks
        from mlflow.exceptions import MlflowException
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        try:
            repository: Any = get_artifact_repository(run.artifact_uri, tracking_uri=resolved)
            folder = str(Path(name).parent)
            found = repository.list_artifacts(None if folder == "." else folder)
            if name not in [file.path for file in found]:
                return None
            return Path(repository.download_artifacts(name, place)).read_text(encoding="utf-8")
        except (MlflowException, OSError) as error:
            raise TrackingError(
                f"The artifacts of {run.name} in {without_secrets(resolved)} cannot be read: {error}."
            ) from error
