"""Jobs with real folders and a real store: what one run's trouble does to the others."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, replace

import numpy as np
import pytest

from harness.configuration.job import Job
from harness.errors import DataError
from harness.execution.jobs import run_jobs
from harness.execution.progress import Progress
from harness.tracking.tracker import Tracker, replay

pytestmark = pytest.mark.slow  # each starts the writer process


@pytest.fixture
def run(registry, tmp_path):
    """Runs jobs and returns their results and the MLflow run of each folder."""

    def go(*runs, folders=None, **options):
        numbered = [tmp_path / "jobs" / str(number) for number in range(len(runs))]
        jobs = [Job(r, f, f.name) for r, f in zip(runs, folders or numbered, strict=True)]
        jobs = [replace(job, sweep="test") for job in jobs]
        shown = io.StringIO()
        with Tracker(f"sqlite:///{tmp_path / 'mlflow.db'}", "harness") as tracker:
            results = run_jobs(jobs, registry, tracker, Progress(shown), **options)
        return results, tracker.run_ids, shown.getvalue()

    return go


def logged(tmp_path, run_id):
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}").get_run(run_id)


@dataclass(frozen=True)
class BreaksLater:
    """A schedule that fails in the third epoch."""

    def factor(self, step, horizon):
        if step[0] >= 2 * horizon.steps_per_epoch:
            raise RuntimeError("the schedule broke")
        return np.ones_like(step)


def test_one_failing_run_does_not_end_its_company(run_of, run, tmp_path):
    healthy = run_of("dataset=iris", "training.max_epochs=5", "seed=1")
    config = replace(healthy.config, schedule=BreaksLater(), seed=2)
    broken = replace(healthy, config=config)
    results, run_ids, shown = run(healthy, broken)
    assert [r.status for r in results] == ["finished", "failed"]
    assert "the schedule broke" in shown
    alone, *_ = run(healthy, folders=[tmp_path / "alone"])
    assert results[0].metrics == alone[0].metrics
    good, bad = (logged(tmp_path, run_ids[r.folder]) for r in results)
    assert (good.data.tags["status"], bad.data.tags["status"]) == ("finished", "failed")
    assert len(run_ids) == 2
    assert "RuntimeError" in (tmp_path / "jobs" / "1" / "error.txt").read_text()


@pytest.mark.parametrize(("alone", "workers"), [(True, "2"), (False, None)])
def test_a_run_says_how_many_stacks_trained_at_once(run_of, run, tmp_path, alone, workers):
    runs = [run_of("dataset=iris", "training.max_epochs=1", f"seed={seed}") for seed in range(3)]
    results, run_ids, _ = run(*runs, workers=2, stack_size=1, alone=alone)
    tags = logged(tmp_path, run_ids[results[0].folder]).data.tags
    assert (tags["stack_size"], tags.get("workers")) == ("1", workers)


def test_data_are_checked_before_any_run_begins(run_of, run, tmp_path):
    good = run_of("dataset=iris", "training.max_epochs=1")
    bad = run_of("dataset=table", f"dataset.path={tmp_path}/no.csv", "dataset.target=y")
    with pytest.raises(DataError, match=r"no\.csv"):
        run(good, bad)
    assert not (tmp_path / "jobs").exists()


def test_a_reused_folder_keeps_nothing_of_the_earlier_run(run_of, run, tmp_path):
    folder = tmp_path / "same"
    folder.mkdir()
    for name in ("error.txt", "parameters.safetensors", "metrics.csv"):
        (folder / name).write_text("of an earlier run")
    run(run_of("dataset=iris", "training.max_epochs=1"), folders=[folder])
    assert not (folder / "error.txt").exists()
    assert "earlier" not in (folder / "metrics.csv").read_text()


def test_a_diverged_run_has_no_model(run_of, run, tmp_path):
    diverging = run_of(
        "dataset=diabetes", "optimizer=sgd", "optimizer.lr=1e30", "tracking.log_model=true"
    )
    (result,), run_ids, _ = run(diverging)
    assert result.status == "diverged"
    import mlflow

    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'mlflow.db'}")
    info = logged(tmp_path, run_ids[result.folder]).info
    assert not mlflow.search_logged_models([info.experiment_id], output_format="list")


def test_the_configuration_artifact_is_complete(run_of, run, tmp_path):
    (result,), run_ids, _ = run(run_of("dataset=iris", "training.max_epochs=1"))
    configuration = json.loads((tmp_path / "jobs" / "0" / "configuration.json").read_text())
    assert (configuration["loss"], configuration["schedule"]) == (
        "softmax_cross_entropy",
        "constant",
    )
    assert configuration == logged(tmp_path, run_ids[result.folder]).data.params


def test_terms_of_unlike_size_are_warned_of(run_of, run):
    unlike = run_of("dataset=iris", "training.max_epochs=1", "objective.auxiliary.hidden_l1=1e-6")
    *_, shown = run(unlike)
    assert "more than ten times hidden_l1" in shown
    alike = run_of("dataset=iris", "training.max_epochs=1", "objective.auxiliary.z_loss=0.3")
    *_, shown = run(alike)
    assert "ten times" not in shown


def test_a_moved_folder_can_be_logged_again(run_of, run, tmp_path):
    run(run_of("dataset=iris", "training.max_epochs=1"))
    moved = (tmp_path / "jobs" / "0").rename(tmp_path / "moved")
    run_ids = replay([moved], f"sqlite:///{tmp_path / 'other.db'}")
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{tmp_path / 'other.db'}")
    names = {item.path for item in client.list_artifacts(run_ids[str(moved)])}
    assert {"metrics.csv", "parameters.safetensors", "configuration.json"} <= names


def test_the_password_of_a_store_is_kept_out_of_what_is_logged(run_of, run, tmp_path):
    secret = run_of(
        "dataset=iris", "training.max_epochs=1", "tracking.uri=postgresql://ada:secret@db/lab"
    )
    folder = tmp_path / "jobs" / "0"
    hydra = folder / ".hydra"
    hydra.mkdir(parents=True)
    (hydra / "config.yaml").write_text("tracking: {uri: postgresql://ada:secret@db/lab}")
    (result,), run_ids, _ = run(secret)
    assert logged(tmp_path, run_ids[result.folder]).data.params["tracking.uri"] == (
        "postgresql://db/lab"
    )
    files = [path for path in folder.iterdir() if path.is_file()]
    assert files
    assert not [path.name for path in files if b"secret" in path.read_bytes()]
    artifacts = [p for p in (tmp_path / "mlartifacts").rglob("*") if p.is_file()]
    assert {p.name for p in artifacts} >= {"configuration.json", "metrics.csv"}
    assert not [p for p in artifacts if b"secret" in p.read_bytes()]
