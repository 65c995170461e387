import sqlite3
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.tracking.sqlite_batch import SqliteBatch
from harness.tracking.store import database

names = st.sampled_from(["train/loss", "validation/loss", "best/accuracy"])
floats = st.floats(allow_nan=False, allow_infinity=False, width=32)
metrics = st.lists(st.tuples(names, floats, st.integers(0, 3), st.integers(0, 3)), max_size=12)
params = st.dictionaries(st.sampled_from("abc"), st.text("xyz", max_size=3), max_size=3)
batches = st.lists(st.tuples(metrics, params, params), min_size=1, max_size=3)


def contents(client, run_id):
    data = client.get_run(run_id).data
    history = {
        (point.key, point.value, point.timestamp, point.step)
        for name in data.metrics
        for point in client.get_metric_history(run_id, name)
    }
    tags = {name: value for name, value in data.tags.items() if not name.startswith("mlflow.")}
    return history, data.metrics, data.params, tags


@pytest.fixture
def client(mlflow_client, uri):
    return mlflow_client(uri)


@given(batches)
@settings(
    deadline=None,
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_it_leaves_what_the_client_leaves(client, uri, batches):
    from mlflow.entities import Metric, Param, RunTag

    fast, slow = (client.create_run("1").info.run_id for _ in range(2))
    seen = {}
    for points, drawn, tags in batches:
        # MLflow refuses to change a param; the writer never does
        params = {name: seen.setdefault(name, value) for name, value in drawn.items()}
        SqliteBatch(database(uri)).log(fast, points, params, tags)
        client.log_batch(
            slow,
            [Metric(*point) for point in points],
            [Param(*param) for param in params.items()],
            [RunTag(*tag) for tag in tags.items()],
        )
    assert contents(client, fast) == contents(client, slow)


def test_writing_twice_is_writing_once(client, uri):
    run = client.create_run("1").info.run_id
    for _ in range(2):
        SqliteBatch(database(uri)).log(run, [("m", 1.0, 5, 1), ("m", 2.0, 6, 2)], {"p": "1"}, {})
    history, latest, params, _ = contents(client, run)
    assert history == {("m", 1.0, 5, 1), ("m", 2.0, 6, 2)}
    assert latest == {"m": 2.0}
    assert params == {"p": "1"}


def test_nothing_is_written_to_a_run_that_is_not_there(uri):
    with pytest.raises(sqlite3.IntegrityError):
        SqliteBatch(database(uri)).log("no such run", [], {"p": "1"}, {})


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE metrics ADD COLUMN unit TEXT",
        "ALTER TABLE params RENAME COLUMN value TO text",
        "DROP TABLE tags",
    ],
)
def test_tables_of_another_shape_are_left_to_the_client(uri, change):
    assert SqliteBatch.fits(database(uri))
    with closing(sqlite3.connect(database(uri))) as connection, connection:
        connection.execute(change)
    assert not SqliteBatch.fits(database(uri))
