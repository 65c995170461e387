"""A trained network applied to raw features: its description, its files and the predictor."""

from harness.prediction.predictor import Predictor

__all__ = ["Predictor"]
