"""A file that a run left is found in its folder, and in the store."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from harness.errors import TrackingError
from harness.tracking.events import RunEnded, RunStarted
from harness.tracking.reading.logged_runs import search_runs
from harness.tracking.reading.run_files import read_run_file
from harness.tracking.tracker import Tracker


@pytest.fixture
def run(uri, tmp_path):
    """A run that has logged a file, as the store knows it."""
    folder = tmp_path / "a"
    with Tracker(uri, "test") as tracker:
        tracker.start(RunStarted("a", str(folder), "test", "a", 1, {"folder": str(folder)}))
        (folder / "list.txt").write_text("λ\n", encoding="utf-8")
        tracker.end(RunEnded("a", "finished", 2, artifacts=("list.txt",)))
    (run,) = search_runs(uri, "test")
    return run


def test_the_folder_comes_first_and_then_the_artifacts(run, uri, tmp_path):
    (tmp_path / "a" / "list.txt").write_text("newer")
    assert read_run_file(run, "list.txt", uri) == "newer"
    shutil.rmtree(tmp_path / "a")
    assert read_run_file(run, "list.txt", uri) == "λ\n"
    assert read_run_file(run, "other.txt", uri) is None
    assert read_run_file(replace(run, artifact_uri=""), "list.txt", uri) is None


def test_artifacts_that_mlflow_has_to_fetch(run, uri, tmp_path):
    shutil.rmtree(tmp_path / "a")
    elsewhere = replace(run, artifact_uri=run.artifact_uri.removeprefix("file://"))
    assert read_run_file(elsewhere, "list.txt", uri) == "λ\n"
    assert read_run_file(elsewhere, "other.txt", uri) is None
    assert read_run_file(elsewhere, "list.txt/other.txt", uri) is None
    with pytest.raises(TrackingError, match=r"The artifacts of a in sqlite.* cannot be read"):
        read_run_file(replace(run, artifact_uri="nowhere://a"), "list.txt", uri)
