"""A trained network on raw features: its description, its parameters on disk, and the predictor."""

from harness.prediction.predictor import Predictor

__all__ = ["Predictor"]
