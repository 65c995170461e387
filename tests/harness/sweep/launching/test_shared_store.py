"""Which stores several machines can write to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.configuration.job import Job
from harness.configuration.settings import Tracking
from harness.errors import TrackingError
from harness.sweep.launching.serialization import JobBatch
from harness.sweep.launching.shared_store import check_store, store_of


@pytest.fixture(autouse=True)
def here(monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "here")


def test_several_machines_need_a_store_that_they_share():
    check_store(Tracking("sqlite:///a.db"), ["here", "here"])
    check_store(Tracking("http://mlflow.example.org"), ["here", "there"])
    check_store(Tracking("postgresql://db/lab"), ["here", "there"])
    with pytest.raises(TrackingError, match=r"train on here, there, and a SQLite file"):
        check_store(Tracking("sqlite:///a.db"), ["there", "here"])


def test_a_relative_address_is_meant_from_where_the_sweep_was_started(run_of):
    run = run_of()
    run = replace(run, config=replace(run.config, tracking=Tracking("sqlite:///a.db")))
    job = Job(run, Path("/sweep/0"), "a")
    assert store_of(JobBatch((job,), Path("/data"), "here")) == "sqlite:////data/a.db"
    with pytest.raises(TrackingError, match=r"train on here, there, and a SQLite file"):
        store_of(JobBatch((job,), Path("/data"), "there"))
