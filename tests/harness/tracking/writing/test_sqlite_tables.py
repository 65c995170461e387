import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from harness.tracking.address import sqlite_path
from harness.tracking.writing.log_batch import JournalCursor, LogBatch
from harness.tracking.writing.sqlite_tables import SqliteTables


def batch_of(run_id, **fields):
    run = JournalCursor(Path("nowhere"))
    run.run_id = run_id
    return LogBatch(run, **fields)


def test_writing_twice_is_writing_once(mlflow_client, uri):
    client = mlflow_client(uri)
    run_id = client.create_run("1").info.run_id
    batch = batch_of(run_id, metrics=[("m", 1.0, 5, 1), ("m", 2.0, 6, 2)], params={"p": "1"})
    with closing(SqliteTables(sqlite_path(uri))) as tables:
        tables.write([batch], [])
        tables.write([batch], [])
    data = client.get_run(run_id).data
    assert (data.metrics, data.params) == ({"m": 2.0}, {"p": "1"})
    assert len(client.get_metric_history(run_id, "m")) == 2


def test_a_batch_is_written_whole_or_not_at_all(mlflow_client, uri):
    client = mlflow_client(uri)
    run_id = client.create_run("1").info.run_id
    good, bad = batch_of(run_id, params={"p": "1"}), batch_of("no such run", params={"p": "1"})
    with closing(SqliteTables(sqlite_path(uri))) as tables:
        with pytest.raises(sqlite3.IntegrityError):
            tables.write([good, bad], [])
        assert client.get_run(run_id).data.params == {}
        tables.write([good], [])
    assert client.get_run(run_id).data.params == {"p": "1"}


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE metrics ADD COLUMN unit TEXT",
        "ALTER TABLE runs ADD COLUMN colour TEXT",
        "ALTER TABLE params RENAME COLUMN value TO text",
        "DROP TABLE tags",
    ],
)
def test_tables_of_another_shape_are_left_to_the_client(uri, change):
    assert SqliteTables.fits(sqlite_path(uri))
    with closing(sqlite3.connect(sqlite_path(uri))) as connection, connection:
        connection.execute(change)
    assert not SqliteTables.fits(sqlite_path(uri))
