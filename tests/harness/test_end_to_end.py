"""The real command in an empty folder, and what MLflow holds afterwards, read with its own client."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.slow

OPTIMIZERS, INITIALIZERS, SEEDS = ("sgd", "adam"), ("he_normal", "zeros"), ("0", "1")


def harness(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "harness", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def client_of(folder: Path):
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{folder / 'outputs' / 'mlflow.db'}")


def runs_in(folder: Path, query: str = ""):
    client = client_of(folder)
    experiment = client.get_experiment_by_name("harness")
    return client.search_runs([experiment.experiment_id], query, order_by=["start_time ASC"])


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    folder = tmp_path_factory.mktemp("single")
    done = harness(
        folder, "train", "dataset=wine", "training.max_epochs=5", "objective.weight_decay=1e-4"
    )
    assert done.returncode == 0, done.stderr
    (run,) = runs_in(folder)
    return folder, run, done


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep")
    done = harness(
        folder,
        "train",
        "-m",
        "dataset=iris",
        "training.max_epochs=4",
        f"optimizer={','.join(OPTIMIZERS)}",
        f"initializer={','.join(INITIALIZERS)}",
        f"seed={','.join(SEEDS)}",
    )
    assert done.returncode == 0, done.stderr
    return folder, done


def test_the_whole_configuration_becomes_params(single):
    _, run, _ = single
    params = run.data.params
    assert params["optimizer"] == "adam"
    assert params["optimizer.beta2"] == "0.999"
    assert params["loss"] == "softmax_cross_entropy"  # what `auto` came to
    assert params["training.stopping.patience"] == "20"
    assert params["objective.weight_decay"] == "0.0001"
    assert params["network.hidden"] == "[64]"


def test_metrics_have_the_epoch_as_step(single):
    folder, run, _ = single
    history = client_of(folder).get_metric_history(run.info.run_id, "validation/loss")
    assert [point.step for point in history] == [1, 2, 3, 4, 5]
    names = set(run.data.metrics)
    for part in ("train", "validation"):
        assert {f"{part}/{t}" for t in ("loss", "softmax_cross_entropy", "weight_decay")} <= names
    assert {"validation/accuracy", "validation/macro_f1", "test/accuracy", "best/epoch"} <= names
    assert {"train/epoch_seconds", "train/steps", "train/samples", "train/lr"} <= names
    best = int(run.data.metrics["best/epoch"])
    assert run.data.metrics["best/validation/loss"] == history[best - 1].value


def test_tags_say_where_the_numbers_come_from(single):
    _, run, _ = single
    tags = run.data.tags
    assert tags["status"] == "finished"
    assert tags["kind"] == "run"
    assert "sweep" not in tags
    assert tags["plugin/optimizer-harness:optimizers"]
    for name in ("data", "split", "initial_weights", "order"):
        assert len(tags[f"sha256/{name}"]) == 64
    for library in ("python", "numpy", "mlflow", "harness"):
        assert tags[f"version/{library}"]


def test_artifacts_of_a_single_run(single):
    folder, run, _ = single
    names = {item.path for item in client_of(folder).list_artifacts(run.info.run_id)}
    assert {
        "config.yaml",
        "parameters.safetensors",
        "description.json",
        "metrics.csv",
        "learning_curves.png",
    } <= names
    assert Path(run.info.artifact_uri.removeprefix("file://")).is_absolute()


def test_the_logged_model_predicts_what_the_run_measured(single):
    """The test accuracy again, from raw features through mlflow.pyfunc."""
    import mlflow

    from harness.data.preparing import Split, prepare
    from harness_datasets.bundled import Wine

    folder, run, _ = single
    mlflow.set_tracking_uri(f"sqlite:///{folder / 'outputs' / 'mlflow.db'}")
    (logged,) = mlflow.search_logged_models(
        experiment_ids=[run.info.experiment_id], output_format="list"
    )
    model = mlflow.pyfunc.load_model(logged.model_uri)
    loaded = Wine().load()
    data = prepare(loaded, Wine().task, "softmax", Split())
    test = {row.tobytes() for row in data.test.features}
    scaled = data.scaling.features.apply(loaded.features)
    rows = [i for i, row in enumerate(scaled) if row.tobytes() in test]
    names = np.array(loaded.classes)
    import pandas as pd

    frame = pd.DataFrame(loaded.features[rows], columns=list(loaded.feature_names))
    predicted = np.asarray(model.predict(frame)).ravel()
    accuracy = np.mean(predicted == names[loaded.targets[rows]])
    assert accuracy == run.data.metrics["test/accuracy"]


def test_each_job_of_a_sweep_is_a_flat_run_with_its_tags(sweep):
    folder, _ = sweep
    runs = runs_in(folder, "tags.kind = 'run'")
    assert len(runs) == 8
    assert len({run.data.tags["sweep"] for run in runs}) == 1
    assert all("mlflow.parentRunId" not in run.data.tags for run in runs)
    combinations = {
        tuple(run.data.tags[k] for k in ("optimizer", "initializer", "seed")) for run in runs
    }
    assert combinations == {(o, i, s) for o in OPTIMIZERS for i in INITIALIZERS for s in SEEDS}
    assert {run.data.tags["backend"] for run in runs} == {"numpy"}
    assert {run.data.tags["dataset"] for run in runs} == {"iris"}


def test_the_sweep_has_a_run_of_its_own_with_totals_and_table(sweep):
    folder, _ = sweep
    (sweep_run,) = runs_in(folder, "tags.kind = 'sweep'")
    assert sweep_run.data.metrics["runs"] == 8
    assert sweep_run.data.metrics["runs/failed"] == 0
    names = {item.path for item in client_of(folder).list_artifacts(sweep_run.info.run_id)}
    assert {"table.csv", "learning_curves.png"} <= names


def test_paired_runs_carry_the_same_hashes(sweep):
    folder, _ = sweep
    runs = runs_in(folder, "tags.kind = 'run'")

    def hashes(name, **wanted):
        return {
            run.data.tags[f"sha256/{name}"]
            for run in runs
            if all(run.data.tags[k] == v for k, v in wanted.items())
        }

    assert len(hashes("data")) == len(hashes("split")) == 1
    assert len(hashes("order", seed="0")) == 1
    assert len(hashes("order")) == len(SEEDS)
    assert len(hashes("initial_weights", seed="0", initializer="he_normal")) == 1
    assert len(hashes("initial_weights")) == len(SEEDS) + 1  # zeros are the same for every seed


def test_the_table_is_on_standard_output_and_is_right(sweep):
    folder, done = sweep
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert lines[0] == [
        "optimizer",
        "initializer",
        "runs",
        "validation accuracy",
        "test accuracy",
        "diverged",
    ]
    assert [line[:2] for line in lines[1:5]] == [[o, i] for o in OPTIMIZERS for i in INITIALIZERS]
    runs = runs_in(folder, "tags.optimizer = 'adam' and tags.initializer = 'he_normal'")
    scores = [run.data.metrics["test/accuracy"] for run in runs if run.data.tags["kind"] == "run"]
    row = next(line for line in lines if line[:2] == ["adam", "he_normal"])
    assert row[4] == f"{np.mean(scores):.4f} ± {np.std(scores, ddof=1):.4f}"
    assert "harness ui" in lines[-1][0]


def test_jobs_leave_hydras_files_and_their_results(sweep):
    folder, _ = sweep
    (sweep_folder,) = (folder / "outputs" / "sweeps").glob("*/*")
    for number in range(8):
        job = sweep_folder / str(number)
        for name in (".hydra/config.yaml", ".hydra/overrides.yaml", ".hydra/hydra.yaml"):
            assert (job / name).exists()
        result = json.loads((job / "result.json").read_text())
        with (job / "metrics.csv").open() as file:
            assert len(list(csv.DictReader(file))) == result["epochs"]


def test_the_basic_launcher_gives_the_same_numbers(sweep, tmp_path):
    folder, _ = sweep
    done = harness(
        tmp_path,
        "train",
        "-m",
        "hydra/launcher=basic",
        "dataset=iris",
        "training.max_epochs=4",
        "optimizer=sgd,adam",
        "seed=1",
    )
    assert done.returncode == 0, done.stderr
    runs = runs_in(tmp_path, "tags.kind = 'run'")
    assert len(runs) == 2
    assert len(runs_in(tmp_path, "tags.kind = 'sweep'")) == 1
    for run in runs:
        (fused,) = runs_in(
            folder,
            f"tags.kind = 'run' and tags.optimizer = '{run.data.tags['optimizer']}' "
            "and tags.initializer = 'he_normal' and tags.seed = '1'",
        )
        for name in ("train/loss", "best/validation/loss", "test/loss"):
            assert run.data.metrics[name] == fused.data.metrics[name]


def test_a_diverged_run_is_marked_and_the_sweep_goes_on(tmp_path):
    done = harness(
        tmp_path,
        "train",
        "-m",
        "dataset=diabetes",
        "optimizer=sgd",
        "optimizer.lr=1e3,0.01",
        "training.max_epochs=30",
    )
    assert done.returncode == 0, done.stderr
    runs = {run.data.params["optimizer.lr"]: run for run in runs_in(tmp_path, "tags.kind = 'run'")}
    assert runs["1000.0"].data.tags["status"] == "diverged"
    assert not any(name.startswith(("best/", "test/")) for name in runs["1000.0"].data.metrics)
    assert runs["0.01"].data.tags["status"] in ("finished", "stopped_early")
    assert all(
        np.isfinite(value) and abs(value) < 1e300 for value in runs["1000.0"].data.metrics.values()
    )
    (sweep,) = runs_in(tmp_path, "tags.kind = 'sweep'")
    assert sweep.data.metrics["runs/diverged"] == 1


def test_data_that_cannot_be_read_are_a_message_before_any_run(tmp_path):
    done = harness(tmp_path, "train", "dataset=table", "dataset.path=no.csv", "dataset.target=y")
    assert done.returncode == 2
    assert "no.csv" in done.stderr
    assert "Traceback" not in done.stderr
    assert not runs_in(tmp_path)


def test_a_server_that_is_down_is_a_message_before_training(tmp_path):
    done = harness(tmp_path, "train", "dataset=iris", "tracking.uri=http://127.0.0.1:9")
    assert done.returncode == 2
    assert "127.0.0.1:9" in done.stderr
    assert "Traceback" not in done.stderr


def test_training_on_numpy_imports_neither_pytorch_nor_mlflow(tmp_path):
    code = (
        "import sys; from harness.cli import main; "
        "status = main(['train', 'dataset=iris', 'training.max_epochs=1', 'tracking.log_model=false']); "
        "heavy = {'torch', 'mlflow', 'sklearn', 'pandas', 'matplotlib'} & set(sys.modules); "
        "sys.exit(f'imported: {heavy}' if heavy else status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_range_test_leaves_its_picture_and_its_suggestions(tmp_path):
    """By its preset, which a sweep composes as well: rates that make sense for plain descent."""
    done = harness(tmp_path, "train", "-m", "experiment=rate_range", "optimizer=sgd")
    assert done.returncode == 0, done.stderr
    sweep, run = (runs_in(tmp_path, f"tags.kind = '{kind}'")[0] for kind in ("sweep", "run"))
    names = {item.path for item in client_of(tmp_path).list_artifacts(sweep.info.run_id)}
    assert "rate_range.png" in names
    assert (Path(sweep.data.tags["folder"]) / "rate_range.png").exists()
    steepest, lowest = (run.data.metrics[f"rate/{name}"] for name in ("steepest", "lowest"))
    assert 1e-3 < steepest < 1
    assert steepest < lowest < 10
    history = client_of(tmp_path).get_metric_history(run.info.run_id, "train/lr")
    rates = [metric.value for metric in sorted(history, key=lambda metric: metric.step)]
    np.testing.assert_allclose(rates, np.logspace(-6, 1, 100)[: len(rates)], rtol=1e-9)
    assert run.data.params["training.steps_per_epoch"] == "3"
