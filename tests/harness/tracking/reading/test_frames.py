"""What is read from a SQLite store directly is what MLflow's client reads."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from pandas.testing import assert_frame_equal

from harness.errors import TrackingError
from harness.tracking.address import resolve_uri
from harness.tracking.reading import frames


@pytest.fixture
def runs(uri, mlflow_client):
    """Ids of runs whose values are unique, shared, or missing in some."""
    from mlflow.entities import Metric, Param, RunTag

    client = mlflow_client(uri)
    experiment = client.create_experiment("lab")
    ids = []
    for number in range(4):
        run = client.create_run(experiment, run_name=f"run {number}")
        params = [Param("shared", "x"), Param("own", str(number))]
        params += [Param("some", "y")] * (number % 2)
        metrics = [Metric("loss", 1 / (epoch + number), 5, epoch) for epoch in (1, 2, 3)]
        metrics += [Metric("bad", math.nan, 5, 1), Metric("bad", 2.0, 5, 2)] * (number == 2)
        metrics += [Metric("worse", math.nan, 5, 1)] * (number == 1)
        tags = [RunTag("kind", "run"), RunTag("seed", str(number))]
        client.log_batch(run.info.run_id, metrics, params, tags)
        ids.append(run.info.run_id)
    return ids


@pytest.mark.parametrize("metrics", [None, ["loss"], ["loss", "bad", "worse"], []])
def test_both_ways_give_the_same_frames(uri, runs, metrics):
    chosen = runs[2:] + runs[:1]
    direct = frames.read_frames(uri, "lab", chosen, metrics)
    client = frames._from_client(resolve_uri(uri, Path.cwd()), "lab", chosen, metrics)
    for ours, theirs in ((direct.params, client.params), (direct.tags, client.tags)):
        assert list(ours.index) == chosen
        assert_frame_equal(ours, theirs[ours.columns], check_dtype=False)
        assert set(ours.columns) == set(theirs.columns)
    ours, theirs = direct.metrics, client.metrics
    assert set(ours.columns) >= {c for c in theirs.columns if theirs[c].notna().any()}
    assert_frame_equal(ours, theirs.reindex(columns=ours.columns), check_dtype=False)


def test_the_history_of_a_metric(uri, runs, mlflow_client):
    client = mlflow_client(uri)
    history = frames.metric_history(uri, runs[:2], "loss")
    expected = [
        (run_id, point.step, point.value)
        for run_id in sorted(runs[:2])
        for point in client.get_metric_history(run_id, "loss")
    ]
    assert list(history.itertuples(index=False, name=None)) == expected
    first = frames.metric_history(uri, runs, "loss", step=1)
    assert sorted(first["value"]) == [1 / 4, 1 / 3, 1 / 2, 1.0]
    assert frames.metric_history(uri, runs, "worse").empty, "NaN is no value"
    assert frames.metric_history(uri, [], "loss").empty


def test_runs_that_logged_a_metric_at_all(uri, runs):
    assert frames.runs_with_metric(uri, runs, "worse") == {runs[1]}, "NaN was logged"
    assert frames.runs_with_metric(uri, runs[:1], "worse") == set()
    assert frames.runs_with_metric(uri, runs, "loss") == set(runs)


def test_a_history_of_nothing_has_the_types_of_any_other(uri, runs):
    for metric in ("loss", "nothing"):
        history = frames.metric_history(uri, runs, metric)
        assert (history["step"].dtype, history["value"].dtype) == ("int64", "float64")


def test_a_filter_is_mlflows(uri, runs):
    assert set(frames.search_run_ids(uri, "lab", "params.own = '3' and metrics.loss < 1")) == {
        runs[3]
    }
    assert frames.search_run_ids(uri, "lab", "params.own = '3'") == [runs[3]]
    with pytest.raises(TrackingError, match="filter 'own is 3'"):
        frames.search_run_ids(uri, "lab", "own is 3")


def test_a_store_that_cannot_be_read(tmp_path):
    (tmp_path / "mlflow.db").write_bytes(b"no database" * 100)
    with pytest.raises(TrackingError, match="cannot be read"):
        frames.read_frames(f"sqlite:///{tmp_path}/mlflow.db", "lab", ["a"], None)
