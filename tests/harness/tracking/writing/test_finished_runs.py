"""What is added to runs that are over, as MLflow's own client reads it."""

from __future__ import annotations

import math

import pytest

from harness.errors import TrackingError
from harness.tracking.writing.finished_runs import (
    RunUpdate,
    add_artifacts,
    create_finished_run,
    delete_artifacts,
    update_runs,
)


@pytest.fixture
def run_id(uri):
    return create_finished_run(uri, "test", "a comparison", {"kind": "comparison"})


def test_a_new_run_is_over_and_takes_updates(uri, run_id, mlflow_client):
    update_runs(
        uri, [RunUpdate(run_id, {"a/b": 0.5, "inf": math.inf, "nan": math.nan}, {"verdict": "sgd"})]
    )
    update_runs(uri, [RunUpdate(run_id, {"c": 2.0}, {"verdict": "adam"})])
    run = mlflow_client(uri).get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "a comparison"
    assert run.data.metrics == {"a/b": 0.5, "c": 2.0}
    assert run.data.tags["verdict"] == "adam"
    assert run.data.tags["kind"] == "comparison"


def test_a_metric_takes_the_new_value(uri, run_id, mlflow_client):
    for value in (3.0, 1.0):
        update_runs(uri, [RunUpdate(run_id, {"a": value})])
    assert mlflow_client(uri).get_run(run_id).data.metrics == {"a": 1.0}


def test_files_and_folders_are_artifacts(uri, run_id, tmp_path, mlflow_client):
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "a.txt").write_text("a")
    add_artifacts(uri, run_id, [tmp_path / "report"])
    client = mlflow_client(uri)
    assert [file.path for file in client.list_artifacts(run_id)] == ["report"]
    assert [file.path for file in client.list_artifacts(run_id, "report")] == ["report/a.txt"]


def test_artifacts_are_removed_by_their_paths(uri, run_id, tmp_path, mlflow_client):
    (tmp_path / "report").mkdir()
    for name in ("a.txt", "b.txt"):
        (tmp_path / "report" / name).write_text(name)
    add_artifacts(uri, run_id, [tmp_path / "report"])
    delete_artifacts(uri, run_id, ["report/a.txt", "report/gone.txt"])
    files = mlflow_client(uri).list_artifacts(run_id, "report")
    assert [file.path for file in files] == ["report/b.txt"]
    with pytest.raises(TrackingError, match="outside that folder"):
        delete_artifacts(uri, run_id, ["../../elsewhere"])


def test_a_run_that_is_not_there(uri, run_id):
    with pytest.raises(TrackingError, match="could not be written"):
        update_runs(uri, [RunUpdate("0" * 32, {"a": 1.0})])
