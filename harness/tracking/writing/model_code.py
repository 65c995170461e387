"""The MLflow model itself, logged as code: MLflow runs this file to load a model.

The file is copied into each model, and nothing imports it.
"""

from pathlib import Path
from typing import Any

import pandas
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel

from harness.prediction import Predictor


class NetworkModel(PythonModel):
    """Predicts with the parameters that are logged beside this file."""

    def load_context(self, context: Any) -> None:
        """Called once by MLflow, before any prediction."""
        self.predictor = Predictor.load(Path(context.artifacts["description"]).parent)

    # MLflow reads this type hint, and warns if it is missing or unknown
    def predict(self, context: Any, model_input: pandas.DataFrame, params: Any = None) -> Any:
        """See `Predictor.predict`."""
        return self.predictor.predict(model_input)


set_model(NetworkModel())
