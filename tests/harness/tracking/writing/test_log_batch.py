import math

import pytest

from harness.errors import TrackingError
from harness.tracking import journal
from harness.tracking.events import MetricsLogged, RunEnded, RunStarted
from harness.tracking.writing.log_batch import JournalCursor, read_batch


def batch_of(folder, *events, last=False, **fields):
    """The batch of a journal that starts with these params and tags."""
    journal.begin(folder, RunStarted("a", str(folder), "test", "a", 1, **fields))
    journal.append(folder, events)
    return read_batch(JournalCursor(folder), last=last)


def test_values_that_are_not_finite_stay_in_the_journal(tmp_path):
    batch = batch_of(
        tmp_path,
        MetricsLogged("a", 1, 2, {"loss": 2.0, "norm": math.inf}),
        MetricsLogged("a", 2, 3, {"loss": math.nan, "norm": -math.inf}),
        RunEnded("a", "diverged", 4, metrics={"best/loss": 2.0}),
    )
    assert batch.metrics == [("loss", 2.0, 2, 1), ("best/loss", 2.0, 4, 0)]
    assert (batch.status, batch.tags) == ("FINISHED", {"status": "diverged"})
    assert journal.JournalReader(tmp_path).read()[1].values["norm"] == math.inf


def test_long_values_are_cut_visibly(tmp_path):
    params = {"p": "x" * 7000, "q": "y" * 6000}
    batch = batch_of(tmp_path, params=params, tags={"t": "z" * 9000})
    assert batch.params == {"p": "x" * 5999 + "…", "q": "y" * 6000}
    assert batch.tags["t"] == "z" * 7999 + "…"


def test_a_journal_without_an_end_is_of_a_run_that_was_killed(tmp_path):
    assert batch_of(tmp_path).status == ""
    batch = batch_of(tmp_path, last=True)
    assert (batch.status, batch.tags) == ("KILLED", {"status": "interrupted"})


def test_a_journal_without_a_start_is_refused(tmp_path):
    journal.append(tmp_path, [MetricsLogged("a", 1, 2, {"loss": 1.0})])
    with pytest.raises(TrackingError, match="does not begin with the start of a run"):
        read_batch(JournalCursor(tmp_path), last=False)


@pytest.mark.parametrize("name", ["a/../b", "/a", "a//b", "a*b", "n" * 251])
def test_a_name_that_mlflow_does_not_take_is_refused(tmp_path, name):
    with pytest.raises(TrackingError, match="MLflow takes names"):
        batch_of(tmp_path, params={name: "1"})
