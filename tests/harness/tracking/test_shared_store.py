"""A sweep on Ray that logs to Postgres, as several machines would, and loses a worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from importlib.util import find_spec

import pytest

from harness.tracking.reading.logged_runs import search_runs
from processes import wait_for_a_worker

pytestmark = [
    pytest.mark.slow,
    pytest.mark.full,  # Ray by itself and Postgres by itself are in `make test`
    pytest.mark.skipif(find_spec("ray") is None, reason="needs Ray"),
]


def test_every_run_is_in_the_shared_store_once(postgres, tmp_path):
    uri = postgres()
    sweep = ["hydra/launcher=ray", "hydra.launcher.stack_size=2", f"tracking.uri={uri}"]
    sweep += ["dataset=iris", "training.max_epochs=400", "training.stopping.patience=null"]
    sweep += ["optimizer=sgd,adam", "seed=0,1"]
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "harness", "train", "-m", *sweep],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.kill(wait_for_a_worker(tmp_path, process), signal.SIGKILL)
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    assert "training 2 runs of its stack once more" in errors
    assert "4 runs: 4 finished" in output
    runs = search_runs(uri, "harness", {"kind": "run"})
    assert sorted(run.tags["folder"].rpartition("/")[2] for run in runs) == list("0123")
    assert {run.status for run in runs} == {"FINISHED"}
