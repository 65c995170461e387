"""Jobs, and the process that launches them on other machines."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from harness.configuration.job import Job
from harness.configuration.settings import Tracking
from harness.execution.progress import Progress
from harness.sweep.launching.remote_stacks import RemoteStacks
from harness.tracking.reading.logged_runs import search_runs
from harness.tracking.tracker import Tracker


@pytest.fixture
def jobs_of(run_of, store_uri, tmp_path):
    """A job for each text of overrides, of two epochs if they do not say otherwise."""

    def make(*texts):
        jobs = []
        for number, text in enumerate(texts):
            run = run_of("dataset=iris", "training.max_epochs=2", *text.split())
            config = replace(run.config, tracking=Tracking(store_uri, "there"))
            folder = tmp_path / "sweep" / str(number)
            run = replace(run, config=config)
            jobs.append(Job(run, folder, text, tuple(text.split()), "sweep"))
        return jobs

    return make


class Launch:
    """The stacks of jobs, what the user sees of them, and all that is in the store once it is closed."""

    def __init__(self, uri, jobs, stack_size=8):
        self.uri = uri
        self.tracker = Tracker(uri, "there")
        self.output = io.StringIO()
        self.remote = RemoteStacks(jobs, self.tracker, Progress(self.output), stack_size)

    def close(self):
        self.tracker.close()
        return search_runs(self.uri, "there", {"kind": "run"})


@pytest.fixture
def launch_of(store_uri):
    return lambda jobs, stack_size=8: Launch(store_uri, jobs, stack_size)
