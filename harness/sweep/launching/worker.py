"""The worker's end of a sweep on other machines: a text of jobs comes in, a text of results goes out."""

from __future__ import annotations

import io
import json
import os
import traceback
from typing import Any

from harness.configuration.hydra_store import register
from harness.errors import HarnessError
from harness.execution.jobs import run_jobs
from harness.execution.progress import Progress
from harness.execution.result_file import read_result
from harness.registry.blocking import blocking
from harness.registry.registry import load_registry
from harness.sweep.launching.serialization import blocked_in, loads
from harness.sweep.launching.shared_store import store_of
from harness.tracking.tracker import Tracker

__all__ = ["failure", "train_stack"]

WARNING = "warning: "  # how `Progress` begins a warning


def train_stack(text: str, workers: int = 1) -> str:
    """Trains the jobs of a text, and logs them to the store. Raises nothing: an error is an answer, too.

    Plugins that are blocked where the sweep was started are blocked here as well.

    Args:
        text: Jobs, as `serialization.dumps` writes them.
        workers: Number of stacks in training at the same time.

    Returns:
        The answer, for `RemoteStacks.receive`.
    """
    output = io.StringIO()
    answer: dict[str, Any] = {"results": [], "error": "", "details": ""}
    try:
        with blocking(blocked_in(text)):
            registry = load_registry()
            register(registry)
            batch = loads(text, registry)
            if batch.directory.is_dir():
                os.chdir(batch.directory)
            experiment = batch.jobs[0].run.config.tracking.experiment
            with Tracker(store_of(batch), experiment) as tracker:
                # Not alone: other stacks may train on this machine
                run_jobs(batch.jobs, registry, tracker, Progress(output), workers, alone=False)
                answer["results"] = [read_result(job.folder) for job in batch.jobs]
    except Exception as error:  # an error of any kind concerns these jobs alone
        answer["error"] = str(error) or type(error).__name__
        if not isinstance(error, HarnessError):
            answer["details"] = traceback.format_exc()
    lines = output.getvalue().splitlines()
    answer["warnings"] = [x.removeprefix(WARNING) for x in lines if x.startswith(WARNING)]
    return json.dumps(answer)


def failure(error: str) -> str:
    """The answer of a worker that could not train its jobs to the end."""
    return json.dumps({"results": [], "warnings": [], "error": error, "details": ""})
