import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import TrackingError
from harness.tracking.events import (
    Curves,
    MetricsLogged,
    RunEnded,
    RunStarted,
    from_line,
    to_line,
)
from harness.training.records import Status

texts = st.text(max_size=8)
by_name = st.dictionaries(texts, texts, max_size=3)
numbers = st.dictionaries(texts, st.floats(allow_nan=False), max_size=3)
times = st.integers(0, 2**53)
events = st.one_of(
    st.builds(RunStarted, texts, texts, texts, texts, time_ms=times, tags=by_name, params=by_name),
    st.builds(MetricsLogged, texts, step=st.integers(0), time_ms=times, values=numbers),
    st.builds(
        RunEnded,
        texts,
        st.sampled_from(Status),
        time_ms=times,
        tags=by_name,
        metrics=numbers,
        artifacts=st.lists(texts, max_size=2),
        log_model=st.booleans(),
        curves=st.none() | st.builds(Curves, st.lists(st.tuples(texts, texts), max_size=2)),
    ),
)


@given(events)
@settings(deadline=None, max_examples=200)
def test_an_event_survives_its_line(event):
    line = to_line(event)
    assert line.count("\n") == 1
    assert len(line.splitlines()) == 1  # no other character that ends a line either
    assert from_line(line) == event


def test_a_metric_that_is_not_finite_is_kept_in_the_journal():
    values = {"a": math.inf, "b": -math.inf, "c": math.nan}
    back = from_line(to_line(MetricsLogged("k", 1, 0, values))).values
    assert back["a"] == math.inf
    assert back["b"] == -math.inf
    assert math.isnan(back["c"])


@pytest.mark.parametrize(
    "line", ["", "{", "[]", '{"event": "stopped"}', '{"event": "metrics", "key": "a"}']
)
def test_a_line_that_is_no_event_is_refused(line):
    with pytest.raises(TrackingError, match="Not a line of a run's journal"):
        from_line(line)


def test_an_unknown_status_is_refused():
    with pytest.raises(ValueError, match="aborted"):
        RunEnded("k", "aborted", 0)
