"""The MLflow model itself, logged as code: MLflow runs this file to load a model.

It lies here to be copied into a model, and is not imported by anything.
"""

from pathlib import Path
from typing import Any

import pandas
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel

from harness.prediction import Predictor


class NetworkModel(PythonModel):
    """Predicts with the parameters that lie beside it."""

    def load_context(self, context: Any) -> None:
        """Called once by MLflow, before any prediction."""
        self.predictor = Predictor.load(Path(context.artifacts["description"]).parent)

    # MLflow reads this type hint, and warns where there is none or one that it does not know
    def predict(self, context: Any, model_input: pandas.DataFrame, params: Any = None) -> Any:
        """See `Predictor.predict`."""
        return self.predictor.predict(model_input)


set_model(NetworkModel())
