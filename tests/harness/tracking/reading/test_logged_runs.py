import sqlite3
import time
from contextlib import closing

import pytest

from harness.errors import TrackingError
from harness.tracking.address import sqlite_path
from harness.tracking.reading.logged_runs import LoggedRun, _from_client, search_runs

QUOTED = """it's a "quoted" `value`"""


@pytest.fixture
def client(mlflow_client, uri):
    return mlflow_client(uri)


@pytest.fixture
def logged(client):
    """Runs of two sweeps, one of them deleted; returns the experiment's id."""
    experiment = client.get_experiment_by_name("test").experiment_id
    for number, sweep in enumerate(["one", "two", "one", QUOTED, "one"]):
        tags = {"sweep": sweep, "number": str(number)}
        run = client.create_run(experiment, 10 - number, tags, f"run {number}").info.run_id
        if number != 2:
            client.set_terminated(run, "FAILED" if number else "FINISHED")
        if number == 4:
            client.delete_run(run)
    client.create_run(client.create_experiment("other"), tags={"sweep": "one"})
    return experiment


READERS = {"tables": search_runs, "client": _from_client}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_runs_are_found_by_their_tags(uri, logged, read):
    runs = read(uri, "test", {"sweep": "one"})
    assert [(run.name, run.status) for run in runs] == [
        ("run 2", "RUNNING"),
        ("run 0", "FINISHED"),
    ]
    assert runs[1].tags == {"mlflow.runName": "run 0", "sweep": "one", "number": "0"}
    assert [run.name for run in read(uri, "test", {})] == [f"run {n}" for n in (3, 2, 1, 0)]
    assert [run.name for run in read(uri, "test", {"sweep": "one", "number": "0"})] == ["run 0"]
    assert [run.name for run in read(uri, "test", {"sweep": QUOTED})] == ["run 3"]
    assert read(uri, "test", {"sweep": "on"}) == []
    assert read(uri, "no such experiment", {}) == []


def test_both_ways_read_the_same(uri, logged, client):
    assert search_runs(uri, "test") == _from_client(uri, "test", {})
    client.delete_experiment(logged)
    assert search_runs(uri, "test") == _from_client(uri, "test", {}) == []


def test_all_pages_of_the_client_are_read(uri, logged, monkeypatch):
    monkeypatch.setattr("harness.tracking.reading.logged_runs.PAGE", 2)
    assert _from_client(uri, "test", {}) == search_runs(uri, "test")


def test_without_a_store_there_are_no_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert search_runs("sqlite:///outputs/mlflow.db", "test") == []
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "empty.db").touch()
    assert search_runs("sqlite:///empty.db", "test") == []


def test_a_file_that_is_no_database_is_named(tmp_path):
    (tmp_path / "notes.txt").write_text("these are notes, and no database at all")
    with pytest.raises(TrackingError, match=r"notes\.txt cannot be read"):
        search_runs(f"sqlite:///{tmp_path}/notes.txt", "test")


def test_tables_of_another_shape_are_read_by_mlflow(uri, logged, monkeypatch):
    monkeypatch.setattr(
        "harness.tracking.reading.logged_runs._from_client", lambda *_: "asked MLflow"
    )
    assert search_runs(uri, "test") != "asked MLflow"
    with closing(sqlite3.connect(sqlite_path(uri))) as connection, connection:
        connection.execute("ALTER TABLE tags RENAME COLUMN value TO text")
    assert search_runs(uri, "test") == "asked MLflow"


def test_five_thousand_runs_take_a_moment(uri, logged):
    with closing(sqlite3.connect(sqlite_path(uri))) as connection, connection:
        ids = [f"{number:032}" for number in range(5000)]
        connection.executemany(
            "INSERT INTO runs (run_uuid, name, status, lifecycle_stage, experiment_id) "
            "VALUES (?, 'many', 'FINISHED', 'active', ?)",
            [(run_id, logged) for run_id in ids],
        )
        connection.executemany(
            "INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?)",
            [(f"tag {n}", "value", run_id) for run_id in ids for n in range(30)],
        )
    before = time.perf_counter()
    runs = search_runs(uri, "test", {"tag 3": "value", "tag 7": "value"})
    assert time.perf_counter() - before < 3  # MLflow's client: 20 s
    tags = {f"tag {n}": "value" for n in range(30)}
    assert runs == [LoggedRun(run_id, "many", tags, "FINISHED") for run_id in ids]
