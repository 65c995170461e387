import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from harness.tracking.address import sqlite_path
from harness.tracking.store import open_store
from harness.tracking.writing.sqlite_tables import SqliteTables

PREPARE = """
import sys
from harness.errors import HarnessError
from harness.tracking.store import open_store
from harness.tracking.address import sqlite_path
from harness.tracking.writing.sqlite_writer import SqliteWriter
try:
    store = open_store(sys.argv[1])
    experiment = SqliteWriter(store, sqlite_path(sys.argv[1])).experiment(sys.argv[2])
    print(experiment.id, experiment.location)
except HarnessError as error:
    sys.exit(f"HarnessError: {error}")
"""


def start(uri, experiment="test", **variables):
    return subprocess.Popen(
        [sys.executable, "-c", PREPARE, uri, experiment],
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def outcome(process):
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


@pytest.mark.slow
def test_eight_processes_at_once_on_a_fresh_file_all_succeed(tmp_path):
    """The first one makes the database with MLflow, since none is cached."""
    path = tmp_path / "store" / "mlflow.db"
    path.parent.mkdir()
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    processes = [start(f"sqlite:///{path}", **cache) for _ in range(8)]
    outcomes = [outcome(process) for process in processes]
    assert [code for code, _, _ in outcomes] == [0] * 8, [err for _, _, err in outcomes]
    assert {out.split()[0] for _, out, _ in outcomes} == {"1"}
    with closing(sqlite3.connect(path)) as connection:
        names = connection.execute("SELECT name FROM experiments ORDER BY experiment_id").fetchall()
        assert names == [("Default",), ("test",)]
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert SqliteTables.fits(path)
    left = {file.name for file in path.parent.iterdir()} - {"mlflow.db-wal", "mlflow.db-shm"}
    assert left == {"mlflow.db", "mlflow.db.lock"}


def test_without_a_clear_revision_mlflow_is_asked(uri, monkeypatch):
    asked = []
    monkeypatch.setattr("harness.tracking.store.newest_revision", lambda: None)
    monkeypatch.setattr("harness.tracking.store.needs_upgrade", lambda *of: asked.append(of))
    open_store(uri)
    assert [name for _, name in asked] == [str(sqlite_path(uri))]


def test_artifacts_have_an_absolute_place_beside_the_database(uri, tmp_path):
    code, out, err = outcome(start(uri, "another"))
    assert code == 0, err
    assert out.split()[1] == f"file://{tmp_path}/store/mlartifacts"


def test_a_deleted_experiment_is_named(uri, tmp_path):
    with closing(sqlite3.connect(tmp_path / "store" / "mlflow.db")) as connection, connection:
        connection.execute("UPDATE experiments SET lifecycle_stage = 'deleted' WHERE name = 'test'")
    code, _, err = outcome(start(uri))
    assert code == 1
    assert "'test' was deleted" in err
    assert "mlflow experiments restore --experiment-id 1" in err


OLD = "97727af70f4d"  # a revision of MLflow's schema of 2022


@pytest.mark.slow
def test_an_old_database_is_migrated_and_kept(tmp_path):
    path = tmp_path / "mlflow.db"
    downgraded = """
import sys, sqlalchemy, mlflow.store.db.utils as utils
from alembic import command
from mlflow.store.tracking.dbmodels.initial_models import Base
engine = sqlalchemy.create_engine(sys.argv[1])
Base.metadata.create_all(engine)
config = utils._get_alembic_config(sys.argv[1])
with engine.begin() as connection:
    config.attributes["connection"] = connection
    command.upgrade(config, sys.argv[2])
"""
    subprocess.run(
        [sys.executable, "-c", downgraded, f"sqlite:///{path}", OLD],
        check=True,
        capture_output=True,
    )
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "INSERT INTO experiments (experiment_id, name, lifecycle_stage, artifact_location)"
            " VALUES (7, 'of old', 'active', 'file:///old')"
        )
    code, out, err = outcome(start(f"sqlite:///{path}", "of old"))
    assert code == 0, err
    assert out.split()[0] == "7"
    (backup,) = tmp_path.glob("mlflow.before-mlflow-*.db")
    with closing(sqlite3.connect(backup)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (OLD,)


def test_a_database_of_a_newer_mlflow_is_left_alone(uri, tmp_path):
    path = tmp_path / "store" / "mlflow.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'from_the_future'")
    shutil.copy(path, tmp_path / "before")
    code, _, err = outcome(start(uri))
    assert code == 1
    assert "pip install --upgrade mlflow" in err
    assert (tmp_path / "before").read_bytes() == path.read_bytes()
    assert not list(path.parent.glob("*before-mlflow*"))


def test_a_database_of_something_else_is_left_alone(tmp_path):
    path = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    before = path.read_bytes()
    code, _, err = outcome(start(f"sqlite:///{path}"))
    assert code == 1
    assert "something other than MLflow" in err
    assert path.read_bytes() == before
