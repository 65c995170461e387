"""The MLflow model for real: logged by the tracker, loaded and served by MLflow itself."""

import contextlib
import io
import json
import os
import pickletools
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import yaml

from harness.contracts import Task
from harness.prediction.description import Description
from harness.prediction.parameters import save_parameters
from harness.prediction.predictor import Predictor
from harness.tracking.events import RunEnded, RunStarted
from harness.tracking.tracker import Tracker
from harness.tracking.writing.model import _requirements, _skip_requirements_lookup

pytestmark = pytest.mark.slow

NO_PICKLE = {"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}
FEATURES = np.array([[5.1, 3.5], [6.2, 2.9], [7.7, 3.8], [4.4, 2.0]])


def description(task):
    classes = ("setosa", "versicolor", "virginica") if task is Task.MULTICLASS else ()
    return Description(
        sizes=(2, 4, 3 if classes else 1),
        activation="relu",
        slope=0.01,
        bias=True,
        task=task,
        output_activation="softmax" if classes else "identity",
        classes=classes,
        feature_names=("sepal length (cm)", "sepal width (cm)"),
        scaling={
            "feature_shift": [5.8, 3.0],
            "feature_scale": [0.8, 0.4],
            "target_shift": [0.0] * (3 if classes else 1),
            "target_scale": [2.0] * (3 if classes else 1),
        },
        backend="numpy",
        dtype="float32",
    )


@pytest.fixture(scope="module", params=[Task.MULTICLASS, Task.REGRESSION])
def logged(request, tmp_path_factory, mlflow_client):
    """A logged model: its folder, and the predictor that it must agree with."""
    folder = tmp_path_factory.mktemp("logged") / "run"
    uri = f"sqlite:///{folder.parent}/mlflow.db"
    with Tracker(uri, "test") as tracker:
        tracker.start(RunStarted("a", str(folder), "test", "a", 1, params={"seed": "1"}))
        network = description(request.param)
        theta = np.random.default_rng(1).normal(size=network.network.size)
        save_parameters(folder, network, theta)
        tracker.end(RunEnded("a", "finished", 2, log_model=True))
    client = mlflow_client(uri)
    (output,) = client.get_run(tracker.run_ids["a"]).outputs.model_outputs
    model = client.get_logged_model(output.model_id)
    assert str(model.status) == "READY"
    assert client.get_run(tracker.run_ids["a"]).info.status == "FINISHED"
    return Path(model.artifact_location.removeprefix("file://")), Predictor.load(folder)


def test_it_is_code_and_safetensors_with_a_signature(logged):
    folder, _ = logged
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {
        "MLmodel",
        "model_code.py",
        "artifacts/parameters.safetensors",
        "artifacts/description.json",
    } <= files
    assert not [name for name in files if name.endswith((".pkl", ".pickle"))]
    for name in files - {"artifacts/parameters.safetensors"}:
        with pytest.raises(ValueError, match=r"."):
            pickletools.dis((folder / name).read_bytes(), out=io.StringIO())
    signature = yaml.safe_load((folder / "MLmodel").read_text())["signature"]
    names = [column["name"] for column in json.loads(signature["inputs"])]
    assert names == ["sepal length (cm)", "sepal width (cm)"]
    requirements = (folder / "requirements.txt").read_text().split()
    assert {line.partition("==")[0] for line in requirements} >= {
        "optimizer-harness",
        "mlflow",
        "numpy",
    }
    assert all("==" in line for line in requirements)


def test_mlflow_looks_up_no_requirement_and_misses_none(mlflow_client, monkeypatch):
    import importlib_metadata
    from mlflow.utils import requirements_utils as of_mlflow

    looked, warned = [], []
    monkeypatch.setattr(
        importlib_metadata, "packages_distributions", lambda: looked.append(1) or {}
    )
    monkeypatch.setattr(of_mlflow, "_MODULES_TO_PACKAGES", None)
    monkeypatch.setattr(of_mlflow._logger, "warning", warned.append)
    _skip_requirements_lookup()
    of_mlflow.warn_dependency_requirement_mismatches(_requirements("numpy"))
    assert not looked
    assert not warned
    of_mlflow.warn_dependency_requirement_mismatches(["numpy==0.1"])
    assert "numpy (current: " in warned[0]


LOAD = """
import sys, json, mlflow, pandas
model = mlflow.pyfunc.load_model(sys.argv[1])
table = pandas.DataFrame(json.loads(sys.argv[2]), columns=json.loads(sys.argv[3]))
print(json.dumps(model.predict(table).tolist()))
"""


def test_mlflow_loads_it_and_predicts(logged, tmp_path):
    folder, predictor = logged
    names = json.dumps(predictor.description.feature_names)
    process = subprocess.run(
        [sys.executable, "-c", LOAD, str(folder), json.dumps(FEATURES.tolist()), names],
        env=os.environ | NO_PICKLE,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(process.stdout.splitlines()[-1]) == predictor.predict(FEATURES).tolist()


def test_mlflow_serves_it(logged, tmp_path):
    folder, predictor = logged
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local"]
    command += ["--model-uri", str(folder), "--host", "127.0.0.1", "--port", str(port)]
    scripts = sysconfig.get_path("scripts")  # MLflow starts `uvicorn` by its name
    path = {"PATH": os.pathsep.join([scripts, os.environ["PATH"]])}
    log = (tmp_path / "serve.log").open("w+")
    with subprocess.Popen(
        command,
        env=os.environ | NO_PICKLE | path,
        cwd=tmp_path,
        stdout=log,
        stderr=log,
        start_new_session=True,
    ) as server:
        try:
            wait_for(f"http://127.0.0.1:{port}/ping", server, log)
            columns = list(predictor.description.feature_names)
            question = {"dataframe_split": {"columns": columns, "data": FEATURES.tolist()}}
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}/invocations",
                json.dumps(question).encode(),
                {"Content-Type": "application/json"},
            )
            with urllib.request.urlopen(request, timeout=30) as answer:
                predictions = json.load(answer)["predictions"]
        finally:
            with contextlib.suppress(ProcessLookupError):  # see `wait_for`
                os.killpg(server.pid, 15)
            log.close()
    assert predictions == predictor.predict(FEATURES).tolist()


def wait_for(address, server, log):
    deadline = time.monotonic() + 90
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            log.seek(0)
            assert server.poll() is None, log.read()
            assert time.monotonic() < deadline, log.read()
            time.sleep(0.2)
