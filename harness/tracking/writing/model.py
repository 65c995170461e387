"""Logs a trained network as an MLflow model of code and safetensors; nothing is pickled."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from harness.prediction.parameters import DESCRIPTION, PARAMETERS
from harness.prediction.predictor import Predictor

__all__ = ["MODEL", "log_model"]

MODEL = "model"
EXAMPLE_ROWS = 3

CODE = Path(__file__).with_name("model_code.py")


def log_model(uri: str, run_id: str, folder: Path) -> str:
    """Logs the network in a run's folder to that run.

    The signature is inferred from a few rows of raw features.

    Args:
        uri: Resolved address of the store.
        run_id: Id of the run in MLflow.
        folder: Folder of the run, with `parameters.safetensors` and `description.json`.

    Returns:
        The model's address, models:/m-….
    """
    import mlflow
    from mlflow.models import Model, infer_signature

    _skip_requirements_lookup()
    predictor = Predictor.load(folder)
    example = _example(predictor)
    mlflow.set_tracking_uri(uri)
    run = mlflow.MlflowClient().get_run(run_id)
    mlflow.set_experiment(
        experiment_id=run.info.experiment_id
    )  # else the model goes to the default one
    logged = Model.log(
        artifact_path=None,
        name=MODEL,
        flavor=mlflow.pyfunc,
        run_id=run_id,
        python_model=str(CODE),
        artifacts={
            "parameters": str(folder / PARAMETERS),
            "description": str(folder / DESCRIPTION),
        },
        signature=infer_signature(example, predictor.predict(example)),
        input_example=example,
        pip_requirements=_requirements(predictor.description.backend),
    )
    return str(logged.model_uri)


def _example(predictor: Predictor) -> Any:
    """Rows around the mean of the training data, within one scale of it: a DataFrame (3, F)."""
    import pandas

    description = predictor.description
    shift = np.array(description.scaling["feature_shift"])
    scale = np.array(description.scaling["feature_scale"])
    steps = np.linspace(-1, 1, EXAMPLE_ROWS)[:, None]
    return pandas.DataFrame(description.inputs.example(shift + steps * scale))


def _skip_requirements_lookup() -> None:
    """Saves 1.7 s, in which MLflow lists the modules of all installed distributions.

    MLflow would check our requirements against them; `_requirements` names only installed packages.
    """
    from mlflow.utils import requirements_utils

    packages: dict[str, list[str]] = requirements_utils._MODULES_TO_PACKAGES or {}
    requirements_utils._MODULES_TO_PACKAGES = packages  # type: ignore[assignment]  # MLflow types it as None


def _requirements(backend: str) -> list[str]:
    """The distributions that prediction needs, with the installed versions."""
    from harness.registry.blocking import DISTRIBUTION
    from harness.registry.registry import load_registry

    plugin = load_registry().provider("backend", backend).distribution
    distributions = dict.fromkeys(
        [DISTRIBUTION, plugin, "mlflow", "numpy", "pandas", "safetensors"]
    )
    return [f"{name}=={version(name)}" for name in distributions]
