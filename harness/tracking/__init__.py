"""Runs in MLflow: written without slowing the training, and read back.

    events -> journal (a file in the run's folder) -> writer process -> MLflow's store -> reading

MLflow is written by a process of its own. The training process imports `tracker` and `events`, but no
MLflow, and appends to journals, one short write an epoch; the writer process follows them on another
core and writes what many runs have gained in one transaction. The store is created and migrated once,
under a lock. `reading` never imports `writing`.

Runs go into SQLite directly (`writing/sqlite_writer.py`) if the tables have exactly the known shape, and
through MLflow's client everywhere else (Postgres, a server): 4 ms instead of 25 for a short run, which
is what a sweep of thousands waits for; and MLflow, which takes 1.5 s to import, is not imported at all.
A test compares every column with what the client leaves.
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
