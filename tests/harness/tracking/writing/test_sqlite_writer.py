"""What goes into SQLite directly is what MLflow's own client would have left there."""

import sqlite3
from contextlib import closing
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.tracking import journal
from harness.tracking.address import sqlite_path
from harness.tracking.events import MetricsLogged, RunEnded, RunStarted
from harness.tracking.store import MlflowStore, open_store
from harness.tracking.writing.client_writer import ClientWriter
from harness.tracking.writing.log_batch import JournalCursor, read_batch
from harness.tracking.writing.sqlite_writer import SqliteWriter

TABLES = ("runs", "metrics", "latest_metrics", "params", "tags")

names = st.sampled_from(["train/loss", "validation/loss", "best/accuracy"])
floats = st.floats(allow_nan=False, allow_infinity=False, width=32)
texts = st.dictionaries(st.sampled_from("abc"), st.text("xyz'\"é", max_size=3), max_size=3)
points = st.builds(
    lambda step, time, values: MetricsLogged("key", step, time, values),
    st.integers(0, 3),
    st.integers(1, 3),  # the client takes a time of 0 for none
    st.dictionaries(names, floats, max_size=3),
)
pieces = st.lists(st.lists(points, max_size=4), max_size=3)
ends = st.builds(
    lambda status, tags, metrics: RunEnded("key", status, 9, tags, metrics, ("a.txt", "folder")),
    st.sampled_from(["finished", "stopped_early", "diverged", "failed"]),
    texts,
    st.dictionaries(names, floats, max_size=2),
)
runs = st.lists(st.tuples(texts, texts, pieces, st.none() | ends), min_size=1, max_size=3)


def rows_of(uri, run_ids):
    """All rows of all columns of these runs, by table; the n-th run's id is written `run n`."""
    rows = {}
    with closing(sqlite3.connect(sqlite_path(uri))) as connection:
        for table in TABLES:
            cursor = connection.execute(f"SELECT * FROM {table}")
            columns = [column[0] for column in cursor.description]
            at = columns.index("run_uuid")
            rows[table] = sorted(
                repr(dict(zip(columns, row, strict=True))).replace(row[at], f"run {number}")
                for row in cursor
                for number, run_id in enumerate(run_ids)
                if row[at] == run_id
            )
    return rows


def files_of(uri, run_id):
    """The artifacts of a run, with their contents."""
    folder = sqlite_path(uri).parent / "mlartifacts" / run_id / "artifacts"
    return {str(f.relative_to(folder)): f.read_text() for f in folder.rglob("*") if f.is_file()}


def begun(folder, started):
    """A run whose journal has begun and that has artifacts."""
    journal.begin(folder, started)
    (folder / "a.txt").write_text(folder.name)
    (folder / "folder" / "deep").mkdir(parents=True)
    (folder / "folder" / "deep" / "b.txt").write_text("b")
    return JournalCursor(folder)


def writers(store, uri):
    """Ours, and that of MLflow's client."""
    with closing(SqliteWriter(store, sqlite_path(uri))) as fast:
        yield fast
    yield ClientWriter(store)


def record(writer, runs, *, last=False):
    batches = [batch for run in runs if not run.over and (batch := read_batch(run, last=last))]
    for batch, error in writer.write(batches) if batches else ():
        assert error is None
        batch.run.over = batch.run.complete


numbers = count()


@given(runs)
@settings(
    deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_field_is_what_the_client_leaves(mlflow_client, uri, tmp_path, drawn):
    ids, files = [], []
    for writer in writers(MlflowStore(uri), uri):
        folder = tmp_path / str(next(numbers))
        written = [
            begun(folder / f"r{n}", RunStarted("key", "", "test", f"r{n}", 1 + n, tags, params))
            for n, (tags, params, _, _) in enumerate(drawn)
        ]
        for turn in range(3):
            for run, (_, _, parts, _) in zip(written, drawn, strict=True):
                journal.append(run.folder, parts[turn] if turn < len(parts) else [])
            record(writer, written)
        for run, (_, _, _, end) in zip(written, drawn, strict=True):
            journal.append(run.folder, [end] if end else [])
        record(writer, written, last=True)
        assert all(run.complete for run in written)
        ids.append([run.run_id for run in written])
        files.append([files_of(uri, run.run_id) for run in written])
    fast, slow = (rows_of(uri, run_ids) for run_ids in ids)
    for table in TABLES:
        assert fast[table] == slow[table]
    assert len(fast["runs"]) == len(drawn)
    assert files[0] == files[1]


def test_experiments_elsewhere_get_their_artifacts_as_the_client_puts_them(
    mlflow_client, uri, tmp_path
):
    client = mlflow_client(uri)
    location = tmp_path / "my place"
    client.create_experiment("bare", str(location))
    client.create_experiment("bucket", "s3://bucket/some?x=1")
    for experiment in ("bare", "bucket"):
        artifacts = ("a.txt",) if experiment == "bare" else ()
        both = []
        for writer in writers(MlflowStore(uri), uri):
            name = f"{experiment}{next(numbers)}"
            run = begun(tmp_path / name, RunStarted("key", "", experiment, name, 1))
            journal.append(run.folder, [RunEnded("key", "finished", 2, artifacts=artifacts)])
            record(writer, [run])
            assert run.complete
            both.append(run.artifact_uri.replace(run.run_id, "ID"))
            if artifacts:
                assert (location / run.run_id / "artifacts" / "a.txt").read_text() == name
        assert both[0] == both[1]


def contents(path):
    """All rows of all tables, without times."""
    with closing(sqlite3.connect(path)) as connection:
        tables = [
            n for (n,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")
        ]
        rows = {}
        for table in tables:
            cursor = connection.execute(f"SELECT * FROM {table}")
            columns = [column[0] for column in cursor.description]
            rows[table] = [
                {c: v for c, v in zip(columns, row, strict=True) if not c.endswith("_time")}
                for row in cursor
            ]
    return rows


@pytest.mark.parametrize("name", ["harness", "Default", "it's ✓", "n" * 257])
def test_an_experiment_is_what_the_client_makes_of_it(mlflow_client, tmp_path, name):
    """The default one, too, but for its place, which the client takes from the working directory."""
    ends = []
    for writer in ("ours", "client"):
        path = tmp_path / writer / "mlflow.db"
        path.parent.mkdir()
        store = open_store(f"sqlite:///{path}")
        if writer == "ours":
            with closing(SqliteWriter(store, path)) as ours:
                number = ours.experiment(name).id
                assert ours.experiment(name).location.startswith(
                    f"file://{path.parent}/mlartifacts"
                )
        else:
            number = int(store.experiment(name))
        tables = contents(path)
        default, *experiments = tables["experiments"]
        assert default.pop("artifact_location")
        for row in experiments:
            assert row.pop("artifact_location") == (path.parent / "mlartifacts").as_uri()
        ends.append((number, tables))
    assert ends[0] == ends[1]


def test_experiments_of_another_shape_are_made_by_the_client(mlflow_client, tmp_path):
    path = tmp_path / "mlflow.db"
    store = open_store(f"sqlite:///{path}")
    with closing(SqliteWriter(store, path)) as writer:
        assert writer._tables.can_create_experiment("name", "place")
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("ALTER TABLE experiments ADD COLUMN colour TEXT")
        assert not writer._tables.can_create_experiment("name", "place")
        assert writer.experiment("name").id == int(store.experiment("name"))
