"""`Tracker` and an MLflow server over HTTP: a real one, and one that goes away."""

import socket
import time

import pytest

from harness.errors import TrackingError
from harness.tracking.dashboard import start_dashboard
from harness.tracking.events import MetricsLogged, RunEnded, RunStarted
from harness.tracking.tracker import Tracker, replay

pytestmark = pytest.mark.slow


@pytest.fixture
def server(uri):
    """(address, process) of an MLflow server on a store of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = start_dashboard(uri, "127.0.0.1", port)
    yield f"http://127.0.0.1:{port}", process
    process.terminate()
    process.wait()


def start(tracker, folder):
    tracker.start(RunStarted("a", str(folder), "over http", "a", 1, params={"seed": "1"}))
    (folder / "config.yaml").write_text("seed: 1")


def finish(tracker, folder):
    for step in range(1, 1201):  # more than MLflow takes at once
        tracker.log(MetricsLogged("a", step, step, {"train/loss": 1 / step}))
    tracker.end(RunEnded("a", "finished", 2000, artifacts=(str(folder / "config.yaml"),)))


def test_a_run_arrives_over_http(server, tmp_path, mlflow_client):
    address, _ = server
    folder = tmp_path / "a"
    with Tracker(address, "over http") as tracker:
        start(tracker, folder)
        finish(tracker, folder)
    client = mlflow_client(address)
    run = client.get_run(tracker.run_ids["a"])
    assert run.data.params == {"seed": "1"}
    assert run.data.tags["status"] == "finished"
    assert (run.info.status, run.info.end_time) == ("FINISHED", 2000)
    history = client.get_metric_history(run.info.run_id, "train/loss")
    assert sorted((point.step, point.value) for point in history) == [
        (step, 1 / step) for step in range(1, 1201)
    ]
    assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["config.yaml"]


def test_a_server_that_goes_away_costs_seconds_and_no_results(server, uri, tmp_path, mlflow_client):
    address, process = server
    folder = tmp_path / "a"
    tracker = Tracker(address, "over http")
    start(tracker, folder)
    deadline = time.monotonic() + 30
    while not (folder / "mlflow.json").exists():  # the run is there, and then the server is not
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.terminate()
    process.wait()
    finish(tracker, folder)
    before = time.monotonic()
    with pytest.raises(TrackingError, match=r"cannot be reached(.|\n)*harness log"):
        tracker.close()
    assert time.monotonic() - before < 60

    (run_id,) = replay([folder], uri).values()  # into the database itself
    assert mlflow_client(uri).get_run(run_id).data.metrics == {"train/loss": 1 / 1200}
