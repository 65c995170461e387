"""What must hold whatever happens on the way: crashes, faults of single runs, sweeps of any length."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
import tracemalloc
from contextlib import closing

import pytest

from harness.tracking import journal
from harness.tracking.address import sqlite_path
from harness.tracking.events import MetricsLogged, RunEnded, RunStarted
from harness.tracking.tracker import replay
from harness.tracking.writing import recorder, sqlite_writer
from harness.tracking.writing.client_writer import ClientWriter
from harness.tracking.writing.log_batch import JournalCursor
from harness.tracking.writing.recorder import Recorder
from harness.tracking.writing.sqlite_tables import SqliteTables


def finished(folder, number, steps=3):
    """The folder of a run that is over."""
    place = folder / f"{number:04}"
    key = str(place)
    journal.begin(place, RunStarted(key, key, "test", f"run {number}", 1, {"t": "1"}, {"p": "2"}))
    values = [
        MetricsLogged(key, step, step, {"loss": number + step}) for step in range(1, steps + 1)
    ]
    (place / "config.yaml").write_text(str(number))
    journal.append(place, [*values, RunEnded(key, "finished", 9, artifacts=("config.yaml",))])
    return place


def store_of(uri):
    """(name, status, metrics, params, tags) of all runs."""
    counts = [
        f"(SELECT count(*) FROM {table} x WHERE x.run_uuid = r.run_uuid)"
        for table in ("metrics", "params", "tags")
    ]
    with closing(sqlite3.connect(sqlite_path(uri))) as connection:
        query = f"SELECT name, status, {', '.join(counts)} FROM runs r ORDER BY start_time, name"
        return connection.execute(query).fetchall()


def record(uri, folders, *, last=True):
    with closing(Recorder(uri)) as subject:
        return [
            (run.folder, run.run_id, error)
            for run, error in subject.record(
                [JournalCursor(folder) for folder in folders], last=last
            )
        ]


def whole(numbers, steps=3):
    """What `store_of` gives for finished runs; the tags are t, status and MLflow's name."""
    return [(f"run {number}", "FINISHED", steps, 1, 3) for number in numbers]


def statuses(uri, run_ids):
    """MLflow's status of each run; None if it is not there."""
    with closing(sqlite3.connect(sqlite_path(uri))) as connection:
        found = dict(connection.execute("SELECT run_uuid, status FROM runs").fetchall())
    return [found.get(run_id) for run_id in run_ids]


class Crash(BaseException):
    """Ends the writer where it is."""


STEPS = [  # of the way of a batch into the store, in their order
    *[(journal, "write_receipt")] * 3,
    (SqliteTables, "write"),
    *[(sqlite_writer, "log_run_end")] * 3,
    (SqliteTables, "end"),
    *[(journal, "write_receipt")] * 3,
]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("fatal", range(len(STEPS)))
def test_a_crash_at_any_step_makes_no_second_run(uri, tmp_path, monkeypatch, fatal, after):
    folders = [finished(tmp_path, number) for number in range(3)]
    done = []

    def watch(owner, name):
        real = getattr(owner, name)

        def step(*arguments, **options):
            done.append((owner, name))
            if not after and len(done) > fatal:
                raise Crash
            real(*arguments, **options)
            if len(done) > fatal:
                raise Crash

        monkeypatch.setattr(owner, name, step)

    for owner, name in dict.fromkeys(STEPS):
        watch(owner, name)
    with pytest.raises(Crash):
        record(uri, folders)
    monkeypatch.undo()
    assert done == STEPS[: fatal + 1]
    first_run_ids = [journal.read_receipt(folder).get("run_id") for folder in folders]
    for folder, run_id, status in zip(
        folders, first_run_ids, statuses(uri, first_run_ids), strict=True
    ):
        assert not journal.read_receipt(folder).get("complete") or status == "FINISHED"
        assert run_id or status is None
    again = record(uri, folders)
    assert [error for *_, error in again] == [None] * 3
    for (_, run_id, _), before in zip(again, first_run_ids, strict=True):
        assert run_id == before or before is None
    assert store_of(uri) == whole(range(3))
    places = sorted(place.name for place in (sqlite_path(uri).parent / "mlartifacts").iterdir())
    assert places == sorted(run_id for _, run_id, _ in again)


def test_a_receipt_that_names_no_run_id_is_not_believed(uri, tmp_path):
    """A journal may come from elsewhere, and its receipt must not name other folders."""
    folder = finished(tmp_path, 1)
    journal.write_receipt(folder, uri, "../../../elsewhere", complete=False)
    ((_, run_id, error),) = record(uri, [folder])
    assert error is None
    assert len(run_id) == 32
    assert store_of(uri) == whole([1])


def test_one_run_at_fault_is_the_only_one_that_is_not_written(uri, tmp_path):
    folders = [finished(tmp_path, number) for number in range(5)]
    (folders[1] / "config.yaml").unlink()
    journal.append(folders[2], [])
    (folders[2] / journal.JOURNAL).write_text("this is no journal\n")
    journal.begin(folders[3], RunStarted("3", "", "test", "run 3", 1, params={"a/../b": "1"}))
    errors = {folder: error for folder, _, error in record(uri, folders)}
    assert [folder for folder in folders if errors[folder] is None] == [folders[0], folders[4]]
    assert "config.yaml" in str(errors[folders[1]])
    assert "Not a line of a run's journal" in str(errors[folders[2]])
    assert "a/../b" in str(errors[folders[3]])
    assert store_of(uri) == whole([0, 1, 4])  # without its artifact, 1 is over all the same


def test_a_run_that_was_deleted_for_good_is_no_trouble_for_the_others(uri, tmp_path):
    folders = [finished(tmp_path, number, steps=1) for number in range(3)]
    texts = [(folder / journal.JOURNAL).read_text() for folder in folders]
    for folder, text in zip(folders, texts, strict=True):
        (folder / journal.JOURNAL).write_text(text.splitlines(keepends=True)[0])
    runs = [JournalCursor(folder) for folder in folders]
    with closing(Recorder(uri)) as subject:
        assert list(subject.record(runs)) == []
        with closing(sqlite3.connect(sqlite_path(uri))) as connection, connection:
            for table in ("tags", "params", "runs"):  # as `mlflow gc` does
                connection.execute(f"DELETE FROM {table} WHERE run_uuid = ?", (runs[1].run_id,))
        for folder, text in zip(folders, texts, strict=True):
            (folder / journal.JOURNAL).write_text(text)
        ended = {run.folder: error for run, error in subject.record(runs)}
    assert ended[folders[0]] is ended[folders[2]] is None
    assert isinstance(ended[folders[1]], sqlite3.IntegrityError)
    assert store_of(uri) == whole([0, 2], steps=1)


@pytest.mark.parametrize("way", ["tables", "client"])
def test_a_long_journal_is_read_in_pieces(uri, tmp_path, monkeypatch, mlflow_client, way):
    monkeypatch.setattr(journal, "PIECE", 1000)
    if way == "client":
        monkeypatch.setattr(SqliteTables, "fits", lambda _: False)
    folders = [finished(tmp_path, number, steps=60) for number in range(2)]
    assert (folders[0] / journal.JOURNAL).stat().st_size > 5000
    ended = record(uri, folders)
    assert [error for *_, error in ended] == [None, None]
    assert store_of(uri) == whole(range(2), steps=60)
    history = mlflow_client(uri).get_metric_history(ended[1][1], "loss")
    assert sorted((point.step, point.value) for point in history) == [
        (step, step + 1) for step in range(1, 61)
    ]


def test_memory_does_not_grow_with_the_sweep(uri, tmp_path, monkeypatch):
    monkeypatch.setattr(recorder, "BATCH", 500)
    peaks = []
    for first, runs in ((0, 20), (20, 30), (50, 240)):  # the first time, modules are loaded
        folders = [finished(tmp_path, first + number, steps=50) for number in range(runs)]
        with closing(Recorder(uri)) as subject:
            tracemalloc.start()
            for run, error in subject.record(map(JournalCursor, folders), last=True):
                assert error is None
                assert run.complete
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[2] < 1.3 * peaks[1]
    assert len(store_of(uri)) == 290


def test_a_store_that_is_ready_is_written_without_mlflow(uri, tmp_path):
    folder = finished(tmp_path, 1)
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from harness.tracking.writing.recorder import Recorder, JournalCursor\n"
        "done = list(Recorder(sys.argv[1]).record([JournalCursor(Path(sys.argv[2]))], last=True))\n"
        "print(len(done), {'mlflow', 'sqlalchemy', 'pandas', 'matplotlib'} & sys.modules.keys())"
    )
    command = [sys.executable, "-c", code, uri, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1 set()"
    assert store_of(uri) == whole([1])


@pytest.mark.slow
def test_a_writer_that_is_killed_at_any_time_loses_and_doubles_nothing(uri, tmp_path):
    folders, complete = [], []
    for turn, delay in enumerate([0, 0.02, 0.04, 0.06, 0.08, 0.1]):
        some = [finished(tmp_path, 150 * turn + number) for number in range(150)]
        lines = [{"uri": uri, "experiment": "test"}, *({"folder": str(folder)} for folder in some)]
        with subprocess.Popen(
            [sys.executable, "-m", "harness.tracking.writing.writer"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        ) as writer:
            writer.stdin.write("".join(json.dumps(line) + "\n" for line in lines))
            writer.stdin.flush()
            deadline = time.monotonic() + 30
            while not journal.read_receipt(some[0]):
                assert time.monotonic() < deadline
                time.sleep(0.001)
            time.sleep(delay)
            writer.send_signal(signal.SIGKILL)
        complete.append(sum(journal.read_receipt(folder).get("complete", False) for folder in some))
        folders += some
    assert min(complete) < 150  # or none was killed in time
    ids = replay(folders, uri)
    assert len(set(ids.values())) == 900
    assert sorted(store_of(uri)) == sorted(whole(range(900)))
    for folder in folders:
        artifact = sqlite_path(uri).parent / "mlartifacts" / ids[str(folder)] / "artifacts"
        assert (artifact / "config.yaml").read_text() == (folder / "config.yaml").read_text()


def test_the_client_writes_runs_side_by_side_and_each_in_order(uri, tmp_path, mlflow_client):
    """As on a server: what goes wrong with one run is told of that one."""
    from harness.tracking.store import MlflowStore
    from harness.tracking.writing.log_batch import read_batch

    folders = [finished(tmp_path, number, steps=1200) for number in range(6)]
    (folders[2] / "config.yaml").unlink()
    way = ClientWriter(MlflowStore(uri))
    entries = [read_batch(JournalCursor(folder), last=True) for folder in folders]
    errors = [error for _, error in way.record(entries)]
    assert [number for number, error in enumerate(errors) if error] == [2]
    assert store_of(uri) == whole(range(6), steps=1200)
    assert not journal.read_receipt(folders[2])["complete"]
    assert journal.read_receipt(folders[3])["complete"]
    for entry in entries:
        assert mlflow_client(uri).get_run(entry.run.run_id).data.metrics["loss"] > 1199


def test_polling_opens_only_what_has_grown(tmp_path, monkeypatch):
    folder = finished(tmp_path, 1)
    reader = journal.JournalReader(folder)
    assert len(reader.read()) == 5

    def refuse(*_):
        raise AssertionError("opened for nothing")

    monkeypatch.setattr(journal, "open", refuse, raising=False)
    assert reader.read() == []
    monkeypatch.undo()
    journal.append(folder, [MetricsLogged("1", 4, 4, {"loss": 1.0})])
    assert [event.step for event in reader.read()] == [4]


def test_256_runs_in_training_are_looked_at_in_a_moment(uri, tmp_path):
    folders = [tmp_path / str(number) for number in range(256)]
    for folder in folders:
        journal.begin(folder, RunStarted(str(folder), str(folder), "test", folder.name, 1))
    runs = [JournalCursor(folder) for folder in folders]
    with closing(Recorder(uri)) as subject:
        assert list(subject.record(runs)) == []
        before = time.process_time()
        assert list(subject.record(runs)) == []
        assert time.process_time() - before < 0.05  # 2 ms; it happens twice a second
    assert len(store_of(uri)) == 256
