"""Hydra's own launchers, basic and joblib: one job after another, and each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from launched_sweeps import logged

pytestmark = pytest.mark.slow

NO_JOBLIB = find_spec("hydra_plugins.hydra_joblib_launcher") is None
LAUNCHERS = [
    pytest.param(["hydra/launcher=basic"], id="basic"),
    pytest.param(
        ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"],
        id="joblib",
        marks=pytest.mark.skipif(NO_JOBLIB, reason="needs hydra-joblib-launcher"),
    ),
]
NEEDS_TOO_MUCH = "network.hidden=[4],[1000000000000]"  # the second cannot be allocated


def harness(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "harness", "train", "-m", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def results(folder: Path) -> dict[str, dict]:
    paths = folder.glob("outputs/sweeps/*/*/*/result.json")
    return {path.parent.name: json.loads(path.read_text()) for path in paths}


@pytest.fixture(scope="module")
def fused(tmp_path_factory):
    """The same sweep with the default launcher."""
    folder = tmp_path_factory.mktemp("fused")
    done = harness(folder, "dataset=iris", "training.max_epochs=3", NEEDS_TOO_MUCH, "seed=0,1")
    assert done.returncode == 1, done.stderr
    return results(folder), done.stdout


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_sweep_with_failing_jobs_is_whole_and_has_the_same_numbers(launcher, fused, tmp_path):
    """On a store that does not exist yet, which the jobs create side by side."""
    done = harness(
        tmp_path, *launcher, "dataset=iris", "training.max_epochs=3", NEEDS_TOO_MUCH, "seed=0,1"
    )
    assert done.returncode == 1, done.stderr
    expected, table = fused
    by_job = results(tmp_path)
    assert {job: (r["overrides"], r["status"], r["metrics"]) for job, r in by_job.items()} == {
        job: (r["overrides"], r["status"], r["metrics"]) for job, r in expected.items()
    }
    assert [by_job[job]["status"] for job in "0123"] == ["finished"] * 2 + ["failed"] * 2
    in_store = {run.tags["folder"].rpartition("/")[2]: run.status for run in logged(tmp_path)}
    assert in_store == {"0": "FINISHED", "1": "FINISHED", "2": "FAILED", "3": "FAILED"}
    assert len(logged(tmp_path)) == 4
    assert len({run.tags["sweep"] for run in logged(tmp_path)}) == 1
    (own,) = logged(tmp_path, "sweep")
    assert own.status == "FINISHED"
    rows = [line for line in table.splitlines() if "\t" in line]
    assert rows
    assert [
        line for line in done.stdout.splitlines() if "\t" in line and "HYDRA" not in line
    ] == rows
    assert "4 runs: 2 finished, 2 failed" in done.stdout
    assert done.stderr.count("Unable to allocate") == 2
    (sweep,) = tmp_path.glob("outputs/sweeps/*/*")
    for job in "0123":
        assert (sweep / job / ".hydra" / "overrides.yaml").exists()


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_data_that_are_not_there_do_not_pass_unnoticed(launcher, tmp_path):
    (tmp_path / "data.csv").write_text("x,y\n" + "".join(f"{n},{'ab'[n % 2]}\n" for n in range(40)))
    done = harness(
        tmp_path,
        *launcher,
        "dataset=table",
        "dataset.target=y",
        "dataset.path=no.csv,data.csv",
        "training.max_epochs=1",
    )
    assert done.returncode != 0
    assert "There is no file" in done.stderr
    assert "no.csv" in done.stderr
    assert "2 runs: 1 finished, 1 missing" in done.stdout
    assert [result["status"] for result in results(tmp_path).values()] == ["finished"]
