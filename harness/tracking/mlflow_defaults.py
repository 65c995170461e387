"""How MLflow behaves in our processes, by its environment variables. Imports no MLflow."""

from __future__ import annotations

import os

__all__ = ["set_mlflow_defaults"]

DEFAULTS = {  # of MLflow's environment variables, unless the user set them
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",  # about 15 s instead of 4 minutes for a dead server
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # it asks a server for each run that ends
}


def set_mlflow_defaults() -> None:
    """Sets what MLflow reads when it is imported; call it before that."""
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
