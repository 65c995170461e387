"""The MLflow model itself, logged as code: MLflow runs this file to load a model.

It lies here to be copied into a model, and is not imported by anything.
"""

from pathlib import Path
from typing import Any

from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel

from harness.prediction import Predictor


class NetworkModel(PythonModel):
    """Predicts with the parameters that lie beside it."""

    def load_context(self, context: Any) -> None:
        """Called once by MLflow, before any prediction."""
        self.predictor = Predictor.load(Path(context.artifacts["description"]).parent)

    # MLflow takes type hints for a schema of its own and warns of those it does not know
    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
        """See `Predictor.predict`."""
        return self.predictor.predict(model_input)


set_model(NetworkModel())
