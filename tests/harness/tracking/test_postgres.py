"""A Postgres database as the store: a private server, real processes, read back by MLflow's client."""

import socket
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import unquote

import pytest

from harness.errors import TrackingError
from harness.tracking import postgres as subject
from harness.tracking.address import resolve_uri
from harness.tracking.dashboard import start_dashboard
from harness.tracking.events import MetricsLogged, RunEnded, RunStarted
from harness.tracking.reachable import check_reachable
from harness.tracking.reading.logged_runs import LoggedRun, search_runs
from harness.tracking.tracker import Tracker, replay

pytestmark = pytest.mark.slow

SECRET = "s3cret"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


LOG = """
import sys
from pathlib import Path
from harness.tracking import MetricsLogged, RunEnded, RunStarted, Tracker
uri, folder, name = sys.stdin.readline().strip(), Path(sys.argv[1]), sys.argv[2]
with Tracker(uri, "shared") as tracker:
    for number in range(3):
        key = f"{name}.{number}"
        run_folder = folder / key
        tags, params = {"sweep": "s"}, {"seed": key}
        tracker.start(RunStarted(key, str(run_folder), "shared", key, 1000, tags, params))
        (run_folder / "config.yaml").write_text(key)
        for step in (1, 2):
            tracker.log(MetricsLogged(key, step, 1000 + step, {"loss": number + 1 / step}))
        tracker.end(RunEnded(key, "finished", 2000, artifacts=("config.yaml",)))
"""


def log_from(processes, uri, folder):
    """Starts processes that log three runs each. Returns their errors and exit codes."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", LOG, str(folder), f"p{number}"],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder,
        )
        for number in range(processes)
    ]
    for process in started:
        process.stdin.write(uri + "\n")
        process.stdin.flush()
    return [(process.communicate(timeout=300)[1], process.returncode) for process in started]


def test_four_processes_at_once_on_a_fresh_database(postgres, tmp_path, mlflow_client):
    uri = postgres()
    outcomes = log_from(4, uri, tmp_path)
    assert outcomes == [("", 0)] * 4
    client = mlflow_client(resolve_uri(uri, tmp_path))
    (experiment,) = client.search_experiments(filter_string="name = 'shared'")
    assert experiment.artifact_location == f"file://{tmp_path}/outputs/mlartifacts"
    logged_runs = client.search_runs([experiment.experiment_id])
    names = {f"p{process}.{number}" for process in range(4) for number in range(3)}
    assert {run.info.run_name for run in logged_runs} == names
    assert len(logged_runs) == 12
    for run in logged_runs:
        number = int(run.info.run_name[-1])
        assert (run.info.status, run.info.start_time, run.info.end_time) == ("FINISHED", 1000, 2000)
        assert run.data.params == {"seed": run.info.run_name}
        assert run.data.metrics == {"loss": number + 0.5}
        assert run.data.tags["status"] == "finished"
        points = client.get_metric_history(run.info.run_id, "loss")
        assert [(p.step, p.timestamp, p.value) for p in points] == [
            (1, 1001, number + 1),
            (2, 1002, number + 0.5),
        ]
        (artifact,) = client.list_artifacts(run.info.run_id)
        assert artifact.path == "config.yaml"
    everything = search_runs(uri, "shared", {"sweep": "s"})
    assert {run.run_id: run.name for run in everything} == {
        run.info.run_id: run.info.run_name for run in logged_runs
    }
    assert (
        search_runs(uri, "shared", {"sweep": "other"})
        == search_runs(uri, "no such experiment")
        == []
    )


def command_lines():
    """Of all processes, where /proc has them."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended
            yield file.read_text()


def test_the_password_is_nowhere(postgres, tmp_path):
    uri = postgres(tables=True)
    assert log_from(1, uri, tmp_path) == [("", 0)]
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or SECRET not in file.read_text(), file
    receipt = (tmp_path / "p0.0" / "mlflow.json").read_text()
    assert f'"{uri.partition("ada:")[0]}{uri.rpartition("@")[2]}"' in receipt
    folder = tmp_path / "p0.0"
    before = search_runs(uri, "shared")
    assert replay([folder], uri)[str(folder)] in {run.run_id for run in before}
    assert search_runs(uri, "shared") == before


def test_a_wrong_password_is_reported_at_once(postgres):
    uri = postgres().replace(SECRET, "wrong")
    before = time.monotonic()
    with pytest.raises(TrackingError, match=r"password authentication failed") as caught:
        Tracker(uri, "test")
    assert time.monotonic() - before < 6
    assert "wrong" not in str(caught.value)


def test_the_password_may_come_from_libpqs_own_places(postgres, tmp_path, monkeypatch):
    """As PGPASSWORD or ~/.pgpass, so that no configuration has to hold it."""
    uri = postgres(tables=True)
    before, _, after = uri.partition("ada:")
    monkeypatch.setenv("PGPASSWORD", unquote(after.rpartition("@")[0]))
    monkeypatch.chdir(tmp_path)
    with Tracker(f"{before}ada@{uri.rpartition('@')[2]}", "test") as tracker:
        tracker.start(RunStarted("a", str(tmp_path / "a"), "test", "run a", 1))
        tracker.end(RunEnded("a", "finished", 3))
    assert [run.run_id for run in search_runs(uri, "test")] == [tracker.run_ids["a"]]


def test_a_missing_database_is_named(postgres):
    uri = postgres()
    with pytest.raises(TrackingError, match='database "none" does not exist'):
        check_reachable(resolve_uri(uri.rpartition("/")[0] + "/none", Path("/")))


def test_a_database_of_something_else_is_left_alone(postgres, tmp_path):
    uri = postgres()
    with closing(subject.connect(resolve_uri(uri, tmp_path))) as connection, connection:
        connection.cursor().execute("CREATE TABLE recipes (name TEXT)")
    tracker = Tracker(uri, "test")
    with pytest.raises(TrackingError, match=r"something other than MLflow \(recipes"):
        tracker.close()
    with closing(subject.connect(resolve_uri(uri, tmp_path))) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        assert cursor.fetchall() == [("recipes",)]


def test_a_database_that_goes_away_loses_nothing_and_is_one_message(
    postgres, tmp_path, uri, mlflow_client
):
    address = postgres(tables=True)
    resolved = resolve_uri(address, tmp_path)
    tracker = Tracker(address, "test")
    tracker.start(RunStarted("a", str(tmp_path / "a"), "test", "run a", 1))
    deadline = time.monotonic() + 60
    while not (tmp_path / "a" / "mlflow.json").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    with closing(subject.connect(resolved.rpartition("/")[0] + "/postgres")) as connection:
        connection.autocommit = True
        name = resolved.rpartition("/")[2]
        connection.cursor().execute(f"DROP DATABASE {name} WITH (FORCE)")
    tracker.log(MetricsLogged("a", 1, 2, {"loss": 0.5}))
    tracker.end(RunEnded("a", "finished", 3))
    with pytest.raises(TrackingError, match=r"cannot be reached(.|\n)*harness log") as caught:
        tracker.close()
    assert SECRET not in str(caught.value)
    (run_id,) = replay([tmp_path / "a"], uri).values()  # into a file
    assert mlflow_client(uri).get_run(run_id).data.metrics == {"loss": 0.5}


def test_a_server_and_its_dashboard_on_postgres(postgres, tmp_path, monkeypatch):
    port = free_port()
    monkeypatch.chdir(tmp_path)
    uri = resolve_uri(postgres(), tmp_path)
    with pytest.raises(TrackingError, match="Train something first"):
        start_dashboard(uri, "127.0.0.1", port)
    assert log_from(1, uri, tmp_path) == [("", 0)]
    dashboard = start_dashboard(uri, "127.0.0.1", port)
    try:
        assert SECRET not in "".join(command_lines())
        address = f"http://127.0.0.1:{port}"
        assert search_runs(address, "shared") == search_runs(uri, "shared") != []
        with Tracker(address, "over http") as tracker:
            tracker.start(RunStarted("a", str(tmp_path / "a"), "over http", "run a", 1, {"t": "1"}))
            tracker.end(RunEnded("a", "finished", 2))
        tags = {"mlflow.runName": "run a", "t": "1", "status": "finished"}
        assert search_runs(uri, "over http") == [
            LoggedRun(tracker.run_ids["a"], "run a", tags, "FINISHED")
        ]
    finally:
        dashboard.terminate()
        dashboard.wait()
