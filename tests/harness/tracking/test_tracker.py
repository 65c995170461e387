import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from harness.errors import TrackingError
from harness.tracking.address import sqlite_path
from harness.tracking.events import Curves, MetricsLogged, RunEnded, RunStarted
from harness.tracking.metrics_csv import write_metrics
from harness.tracking.tracker import Tracker, replay
from processes import is_running

pytestmark = pytest.mark.slow  # each tracker imports MLflow

START_TIME, END_TIME = 1_700_000_000_000, 1_700_000_060_000


def started(key, folder, **fields):
    return RunStarted(key, str(folder / key), "test", f"run {key}", START_TIME, **fields)


def logged(key, step, **values):
    return MetricsLogged(key, step, START_TIME + step, values)


def ended(key, status="finished", **fields):
    return RunEnded(key, status, END_TIME, **fields)


def whole_run(tracker, key, folder, epochs=3):
    tracker.start(started(key, folder, params={"seed": "1"}, tags={"optimizer": "adam"}))
    for step in range(1, epochs + 1):
        tracker.log(logged(key, step, loss=1 / step))
    tracker.end(ended(key, metrics={"best/loss": 1 / epochs}))


def runs(uri):
    """(name, status) of all runs, straight from the database."""
    with closing(sqlite3.connect(sqlite_path(uri))) as connection:
        return sorted(connection.execute("SELECT name, status FROM runs"))


# --- what arrives ---------------------------------------------------------------------------------


def test_everything_of_a_run_arrives(uri, tmp_path, mlflow_client):
    with Tracker(uri, "test") as tracker:
        tracker.start(
            started("a", tmp_path, params={"optimizer.lr": "0.1"}, tags={"optimizer": "sgd"})
        )
        (tmp_path / "a" / "config.yaml").write_text("seed: 0")
        (tmp_path / "a" / "tables").mkdir()
        (tmp_path / "a" / "tables" / "confusion.csv").write_text("1")
        write_metrics(tmp_path / "a", [(e, {"train/loss": 1 / e}) for e in (1, 2)])
        for epoch in (1, 2):
            tracker.log(MetricsLogged("a", epoch, START_TIME + epoch, {"train/loss": 1 / epoch}))
        tracker.end(
            ended(
                "a",
                "stopped_early",
                tags={"weights": "abc"},
                metrics={"test/accuracy": 0.75},
                artifacts=[str(tmp_path / "a" / "config.yaml"), str(tmp_path / "a" / "tables")],
                curves=Curves([("a", str(tmp_path / "a" / "metrics.csv"))]),
            )
        )
        ids = tracker.close()
    assert list(ids) == ["a"]
    client = mlflow_client(uri)
    run = client.get_run(ids["a"])
    assert run.info.run_name == "run a"
    assert run.info.status == "FINISHED"
    assert (run.info.start_time, run.info.end_time) == (START_TIME, END_TIME)
    assert run.data.params == {"optimizer.lr": "0.1"}
    assert run.data.metrics == {"train/loss": 0.5, "test/accuracy": 0.75}
    our_tags = {name: tag for name, tag in run.data.tags.items() if not name.startswith("mlflow.")}
    assert our_tags == {"optimizer": "sgd", "weights": "abc", "status": "stopped_early"}
    history = client.get_metric_history(ids["a"], "train/loss")
    assert [(m.step, m.value, m.timestamp) for m in history] == [
        (1, 1.0, START_TIME + 1),
        (2, 0.5, START_TIME + 2),
    ]
    (test,) = client.get_metric_history(ids["a"], "test/accuracy")
    assert test.step == 0
    assert {file.path for file in client.list_artifacts(ids["a"])} == {
        "config.yaml",
        "learning_curves.png",
        "tables",
    }
    artifacts = tmp_path / "store" / "mlartifacts" / ids["a"] / "artifacts"
    assert (artifacts / "tables" / "confusion.csv").read_text() == "1"
    receipt = json.loads((tmp_path / "a" / "mlflow.json").read_text())
    assert receipt == {"store": uri, "run_id": ids["a"], "complete": True}


def test_status(uri, tmp_path):
    with Tracker(uri, "test") as tracker:
        for status in ("finished", "stopped_early", "diverged", "failed"):
            tracker.start(started(status, tmp_path))
            tracker.end(ended(status, status))
        tracker.start(started("left", tmp_path))
    assert runs(uri) == [
        ("run diverged", "FINISHED"),
        ("run failed", "FAILED"),
        ("run finished", "FINISHED"),
        ("run left", "KILLED"),
        ("run stopped_early", "FINISHED"),
    ]
    with closing(sqlite3.connect(sqlite_path(uri))) as connection:
        tags = "SELECT value FROM tags WHERE key = 'status' ORDER BY value"
        assert [row[0] for row in connection.execute(tags)] == [
            "diverged",
            "failed",
            "finished",
            "interrupted",
            "stopped_early",
        ]


def test_a_long_run_is_seen_while_it_trains(uri, tmp_path):
    with Tracker(uri, "test") as tracker:
        tracker.start(started("a", tmp_path))
        tracker.log(logged("a", 1, loss=0.5))
        deadline = time.monotonic() + 30
        query = "SELECT value FROM metrics"
        with closing(sqlite3.connect(sqlite_path(uri))) as connection:
            while not (rows := connection.execute(query).fetchall()):
                assert time.monotonic() < deadline
                time.sleep(0.1)
        assert rows == [(0.5,)]
        assert runs(uri) == [("run a", "RUNNING")]
        tracker.end(ended("a"))
    assert runs(uri) == [("run a", "FINISHED")]


def test_a_flood_of_runs_does_not_block(uri, tmp_path):
    """What the writer is told fills its pipe twice while it still imports MLflow."""
    with Tracker(uri, "test") as tracker:
        before = time.perf_counter()
        for number in range(500):
            tracker.start(started(f"{number:0150}", tmp_path))
            tracker.log(logged(f"{number:0150}", 1, loss=1.0))
            tracker.end(ended(f"{number:0150}"))
        assert time.perf_counter() - before < 5
        assert len(tracker.close()) == 500


def test_of_a_run_that_is_written_only_its_id_is_kept(uri, tmp_path):
    with Tracker(uri, "test") as tracker:
        for number in range(20):
            whole_run(tracker, f"run {number}", tmp_path)
        deadline = time.monotonic() + 30
        while len(tracker.run_ids) < 20:  # also while others still train
            assert time.monotonic() < deadline
            time.sleep(0.1)
        filled = [
            name for name, value in vars(tracker).items() if isinstance(value, dict) and value
        ]
        assert filled == ["run_ids"]


def test_the_training_process_does_not_import_mlflow():
    code = (
        "import sys, harness.tracking, harness.prediction, harness.tracking.dashboard, "
        "harness.tracking.provenance\n"
        "heavy = {'mlflow', 'matplotlib', 'pandas', 'sqlalchemy', 'torch', 'sklearn'}\n"
        "print(heavy & sys.modules.keys())"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert process.stdout.strip() == "set()"


# --- what can go wrong ----------------------------------------------------------------------------


def test_an_error_of_the_training_closes_its_runs_and_stays_the_error(uri, tmp_path):
    def train():
        with Tracker(uri, "test") as tracker:
            tracker.start(started("a", tmp_path))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train()
    assert runs(uri) == [("run a", "KILLED")]


def test_a_bad_name_costs_one_run_alone_and_can_be_found(uri, tmp_path):
    tracker = Tracker(uri, "test")
    whole_run(tracker, "good", tmp_path)
    tracker.start(started("bad", tmp_path, params={"a/../b": "1"}))
    tracker.end(ended("bad"))
    with pytest.raises(TrackingError) as caught:
        tracker.close()
    assert "'a/../b'" in str(caught.value)
    assert "1 of 2 runs" in str(caught.value)
    assert f"harness log {tmp_path / 'bad'}" in str(caught.value)
    assert list(tracker.run_ids) == ["good"]


def test_a_missing_artifact_ends_the_run_all_the_same(uri, tmp_path):
    tracker = Tracker(uri, "test")
    tracker.start(started("a", tmp_path))
    tracker.log(logged("a", 1, loss=0.5))
    tracker.end(ended("a", artifacts=[str(tmp_path / "a" / "none.csv")]))
    with pytest.raises(TrackingError, match=r"none\.csv"):
        tracker.close()
    assert runs(uri) == [("run a", "FINISHED")]
    (tmp_path / "a" / "none.csv").write_text("here it is")
    (run_id,) = replay([tmp_path / "a"], uri).values()
    assert runs(uri) == [("run a", "FINISHED")]  # the same run, completed
    assert (tmp_path / "store" / "mlartifacts" / run_id / "artifacts" / "none.csv").exists()


def test_a_writer_that_dies_loses_nothing(uri, tmp_path, mlflow_client):
    tracker = Tracker(uri, "test")
    tracker._writer.kill()
    tracker._writer.wait()
    whole_run(tracker, "a", tmp_path)
    whole_run(tracker, "b", tmp_path)
    with pytest.raises(TrackingError, match=r"status -9(.|\n)*2 of 2 runs(.|\n)*harness log"):
        tracker.close()
    assert runs(uri) == []

    ids = replay([tmp_path / "a", tmp_path / "b"], uri)
    assert list(ids) == [str(tmp_path / "a"), str(tmp_path / "b")]
    assert runs(uri) == [("run a", "FINISHED"), ("run b", "FINISHED")]
    run = mlflow_client(uri).get_run(ids[str(tmp_path / "a")])
    assert run.data.metrics == {"loss": pytest.approx(1 / 3), "best/loss": pytest.approx(1 / 3)}
    assert run.data.params == {"seed": "1"}


def test_replaying_twice_logs_once(uri, tmp_path, empty_database):
    with Tracker(uri, "test") as tracker:
        whole_run(tracker, "a", tmp_path)
    assert replay([tmp_path / "a"], uri) == {str(tmp_path / "a"): tracker.run_ids["a"]}
    assert runs(uri) == [("run a", "FINISHED")]

    sqlite_path(uri).write_bytes(empty_database)  # the store was lost
    for file in sqlite_path(uri).parent.glob("mlflow.db-*"):
        file.unlink()
    assert replay([tmp_path / "a"], uri) != {str(tmp_path / "a"): tracker.run_ids["a"]}
    assert runs(uri) == [("run a", "FINISHED")]


def test_a_replay_into_another_store_is_a_run_of_its_own(uri, tmp_path, empty_database):
    with Tracker(uri, "test") as tracker:
        whole_run(tracker, "a", tmp_path)
    other = tmp_path / "other.db"
    other.write_bytes(empty_database)
    replay([tmp_path / "a"], f"sqlite:///{other}")
    assert runs(f"sqlite:///{other}") == [("run a", "FINISHED")]


def test_a_folder_without_a_journal_is_named(uri, tmp_path):
    with pytest.raises(TrackingError, match=str(tmp_path / "nothing")):
        replay([tmp_path / "nothing"], uri)


def test_a_store_that_breaks_is_reported_with_the_way_out(tmp_path, uri):
    tracker = Tracker(uri, "test")
    sqlite_path(uri).write_bytes(b"SQLite format 3\x00" + b"not really" * 1000)
    whole_run(tracker, "a", tmp_path)
    with pytest.raises(TrackingError, match=r"could not be written(.|\n)*harness log"):
        tracker.close()


def test_a_store_that_cannot_be_reached_is_an_error_before_anything_starts(tmp_path):
    (tmp_path / "mlflow.db").write_text("this is no database, is it?")
    with pytest.raises(TrackingError, match="not a SQLite database"):
        Tracker(f"sqlite:///{tmp_path}/mlflow.db", "test")


TRAINING = """
import sys, time
from pathlib import Path
from harness.tracking import MetricsLogged, RunStarted, Tracker
with Tracker(sys.argv[1], "test") as tracker:
    folder = Path(sys.argv[2])
    tracker.start(RunStarted("a", str(folder / "a"), "test", "run a", 1))
    tracker.log(MetricsLogged("a", 1, 2, {"loss": 0.5}))
    print(tracker._writer.pid, flush=True)
    time.sleep(60)
"""


def ignores_interrupts(pid):
    (line,) = re.findall(r"SigIgn:\s*(\w+)", Path(f"/proc/{pid}/status").read_text())
    return int(line, 16) >> (signal.SIGINT - 1) & 1


def interrupted_training(uri, folder, kill):
    """Starts a training in a session of its own, as a terminal would; returns the writer's pid."""
    process = subprocess.Popen(
        [sys.executable, "-c", TRAINING, uri, str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    writer = int(process.stdout.readline())
    kill(process.pid, writer)
    process.communicate(timeout=30)
    return writer


def wait_for_end(pid):
    deadline = time.monotonic() + 30
    while is_running(pid):
        assert time.monotonic() < deadline, "the writer process is still there"
        time.sleep(0.1)


needs_proc = pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs Linux's /proc")


@needs_proc
def test_ctrl_c_ends_the_training_and_keeps_what_it_did(uri, tmp_path):
    def ctrl_c(training, writer):
        os.killpg(training, signal.SIGINT)  # what a terminal does
        deadline = time.monotonic() + 10
        while not ignores_interrupts(writer):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.kill(writer, signal.SIGINT)

    wait_for_end(interrupted_training(uri, tmp_path, ctrl_c))
    assert runs(uri) == [("run a", "KILLED")]


@needs_proc
def test_a_killed_training_leaves_no_process_behind(uri, tmp_path):
    def kill(training, _):
        os.kill(training, signal.SIGKILL)

    wait_for_end(interrupted_training(uri, tmp_path, kill))
    assert runs(uri) == [("run a", "KILLED")]
    with closing(sqlite3.connect(sqlite_path(uri))) as connection:
        assert connection.execute("SELECT value FROM metrics").fetchall() == [(0.5,)]
