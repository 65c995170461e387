"""MLflow: what a run leaves behind, and how it gets there without slowing the training.

events -> journal (a file in the run's folder) -> writer process -> MLflow's store
"""

from harness.tracking.events import Curves, MetricsLogged, RunEnded, RunStarted, now_ms
from harness.tracking.tracker import Tracker, replay

__all__ = [
    "Curves",
    "MetricsLogged",
    "RunEnded",
    "RunStarted",
    "Tracker",
    "now_ms",
    "replay",
]
