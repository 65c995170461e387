"""The work of the writer at the end of a run: its artifacts, its picture, its model."""

from __future__ import annotations

import threading
from dataclasses import replace

from harness.tracking.events import RunEnded
from harness.tracking.learning_curves import draw_learning_curves
from harness.tracking.rate_range import draw_range_test
from harness.tracking.writing.artifacts import log_artifacts, path_inside
from harness.tracking.writing.log_batch import JournalCursor

__all__ = ["log_run_end"]

_global_state = threading.Lock()  # Matplotlib's figures and MLflow's current store


def log_run_end(uri: str, run: JournalCursor, event: RunEnded) -> None:
    """Copies the artifacts of a run; draws its picture and logs its model if it asks for them.

    Args:
        uri: Resolved address of the store.
        run: The run, with its folder, MLflow id and artifact address.
        event: The end of the run.

    Raises:
        TrackingError: For a path outside the run's folder: a journal may come from elsewhere, and must
            not name other files.
    """
    folder = run.folder.resolve()
    artifacts = [path_inside(folder, name) for name in event.artifacts]
    if event.curves:
        picture = path_inside(folder, event.curves.name)
        runs = tuple((label, str(path_inside(folder, path))) for label, path in event.curves.runs)
        draw = draw_range_test if event.curves.against == "rate" else draw_learning_curves
        with _global_state:
            draw(replace(event.curves, runs=runs), picture)
        artifacts.append(picture)
    log_artifacts(artifacts, run.artifact_uri, uri)
    if event.log_model:
        from harness.tracking.writing.model import log_model

        with _global_state:
            log_model(uri, run.run_id, run.folder)
