"""Nothing is lost or doubled: by crashes, by faults of single runs, in sweeps of any length."""

import sqlite3
import subprocess
import sys
import time
import tracemalloc
from contextlib import closing

import pytest

from harness.tracking import journal
from harness.tracking.address import sqlite_path
from harness.tracking.events import RunStarted
from harness.tracking.receipt import read_receipt, write_receipt
from harness.tracking.writing import recorder, sqlite_writer
from harness.tracking.writing.log_batch import JournalCursor
from harness.tracking.writing.recorder import Recorder
from harness.tracking.writing.sqlite_tables import SqliteTables
from journals import finished, store_of, whole


def record(uri, folders, *, last=True):
    with closing(Recorder(uri)) as subject:
        return [
            (run.folder, run.run_id, error)
            for run, error in subject.record(
                [JournalCursor(folder) for folder in folders], last=last
            )
        ]


def statuses(uri, run_ids):
    """MLflow's status of each run; None if it is not there."""
    with closing(sqlite3.connect(sqlite_path(uri))) as connection:
        by_id = dict(connection.execute("SELECT run_uuid, status FROM runs").fetchall())
    return [by_id.get(run_id) for run_id in run_ids]


class Crash(BaseException):
    """Ends the writer where it is."""


STEPS = [  # of the way of a batch into the store, in their order
    *[(sqlite_writer, "write_receipt")] * 3,
    (SqliteTables, "write"),
    *[(sqlite_writer, "log_run_end")] * 3,
    (SqliteTables, "end_runs"),
    *[(sqlite_writer, "write_receipt")] * 3,
]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("fatal", range(len(STEPS)))
def test_a_crash_at_any_step_makes_no_second_run(uri, tmp_path, monkeypatch, fatal, after):
    folders = [finished(tmp_path, number) for number in range(3)]
    calls = []

    def watch(owner, name):
        real = getattr(owner, name)

        def step(*arguments, **options):
            calls.append((owner, name))
            if not after and len(calls) > fatal:
                raise Crash
            real(*arguments, **options)
            if len(calls) > fatal:
                raise Crash

        monkeypatch.setattr(owner, name, step)

    for owner, name in dict.fromkeys(STEPS):
        watch(owner, name)
    with pytest.raises(Crash):
        record(uri, folders)
    monkeypatch.undo()
    assert calls == STEPS[: fatal + 1]
    first_run_ids = [read_receipt(folder).get("run_id") for folder in folders]
    for folder, run_id, status in zip(
        folders, first_run_ids, statuses(uri, first_run_ids), strict=True
    ):
        assert not read_receipt(folder).get("complete") or status == "FINISHED"
        assert run_id or status is None
    again = record(uri, folders)
    assert [error for *_, error in again] == [None] * 3
    for (_, run_id, _), before in zip(again, first_run_ids, strict=True):
        assert run_id == before or before is None
    assert store_of(uri) == whole(range(3))
    folder_names = sorted(
        folder.name for folder in (sqlite_path(uri).parent / "mlartifacts").iterdir()
    )
    assert folder_names == sorted(run_id for _, run_id, _ in again)


def test_a_receipt_that_names_no_run_id_is_not_believed(uri, tmp_path):
    """A journal may come from elsewhere, and its receipt must not name other folders."""
    folder = finished(tmp_path, 1)
    write_receipt(folder, uri, "../../../elsewhere", complete=False)
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


@pytest.mark.parametrize("writer", ["tables", "client"])
def test_a_long_journal_is_read_in_pieces(uri, tmp_path, monkeypatch, mlflow_client, writer):
    monkeypatch.setattr(journal, "PIECE", 1000)
    if writer == "client":
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
    monkeypatch.setattr(recorder, "MAX_ROWS", 500)
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
        "ended = list(Recorder(sys.argv[1]).record([JournalCursor(Path(sys.argv[2]))], last=True))\n"
        "print(len(ended), {'mlflow', 'sqlalchemy', 'pandas', 'matplotlib'} & sys.modules.keys())"
    )
    command = [sys.executable, "-c", code, uri, str(folder)]
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "1 set()"
    assert store_of(uri) == whole([1])


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
