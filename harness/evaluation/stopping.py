"""Early stopping: a run ends when its validation metric has stopped improving.

Prechelt, "Early Stopping - But When?" (1998), compares such criteria. This one is that of Keras'
`EarlyStopping`: it ends a run once `patience` epochs in a row brought no improvement. A value improves
on the best one if it is better by more than `min_change`, and only then becomes the best. So with a
`min_change` above 0 the best epoch is the last one that improved by that much. NaN improves on nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.evaluation.metrics import LOSS, metric_named
from harness.fields import check_choice, check_range

__all__ = ["EarlyStopping", "Stopping"]


@dataclass(frozen=True)
class Stopping:
    """When a run stops, and with which parameters it ends.

    Attributes:
        metric: Validation metric to watch.
        mode: Better direction: "min", "max", or "auto" for that of the metric.
        patience: Epochs without improvement until the run stops; null never stops.
        min_change: What an improvement must exceed, 0 or more.
        restore: Whether the run ends with the parameters of its best epoch.
    """

    metric: str = LOSS.name
    mode: str = "auto"
    patience: int | None = 20
    min_change: float = 0.0
    restore: bool = True

    def __post_init__(self) -> None:
        check_choice(self, "mode", ("auto", "min", "max"))
        check_range(self, "min_change", 0)
        if self.patience is not None:
            check_range(self, "patience", 1)

    @property
    def maximize(self) -> bool:
        """Whether higher values of the metric are better."""
        return self.mode == "max" or (self.mode == "auto" and metric_named(self.metric).maximize)


@dataclass(frozen=True)
class EarlyStopping:
    """The criterion at work on the R runs of a stack. `observe` writes into its last three arrays.

    Attributes:
        maximize: Whether higher is better.
        patience: Epochs without improvement until a run stops, (R,); infinite to never stop.
        min_change: What an improvement must exceed, (R,).
        best: Best values so far, (R,).
        best_epoch: Epochs of the best values, (R,); -1 before the first.
        waited: Epochs since the best value, (R,).
    """

    maximize: bool
    patience: np.ndarray
    min_change: np.ndarray
    best: np.ndarray
    best_epoch: np.ndarray
    waited: np.ndarray

    @classmethod
    def start(cls, settings: Sequence[Stopping]) -> EarlyStopping:
        """The criterion before the first epoch.

        Args:
            settings: Settings of each run; runs of a stack share metric and mode.
        """
        runs = len(settings)
        maximize = settings[0].maximize
        return cls(
            maximize=maximize,
            patience=np.array([np.inf if s.patience is None else s.patience for s in settings]),
            min_change=np.array([s.min_change for s in settings], dtype=float),
            best=np.full(runs, -np.inf if maximize else np.inf),
            best_epoch=np.full(runs, -1),
            waited=np.zeros(runs, dtype=int),
        )

    def observe(self, epochs: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Takes the metric after an epoch.

        Args:
            epochs: Number of the epoch of each run, (R,).
            values: Metric of each run, (R,).

        Returns:
            Whether this is the best epoch of the run so far, and whether the run stops, (R,) bool each.
        """
        if self.maximize:
            improved = values > self.best + self.min_change
        else:
            improved = values < self.best - self.min_change
        self.best[improved] = values[improved]
        self.best_epoch[:] = np.where(improved, epochs, self.best_epoch)
        self.waited[:] = np.where(improved, 0, self.waited + 1)
        return improved, self.waited >= self.patience

    def select(self, rows: np.ndarray) -> EarlyStopping:
        """The criterion of some runs, in the order of their row numbers."""
        return EarlyStopping(self.maximize, *(values[rows] for values in self._by_run))

    def concat(self, other: EarlyStopping) -> EarlyStopping:
        """The criterion of these runs and of others, which come last."""
        pairs = zip(self._by_run, other._by_run, strict=True)
        return EarlyStopping(self.maximize, *(np.concatenate(pair) for pair in pairs))

    @property
    def _by_run(self) -> tuple[np.ndarray, ...]:
        return self.patience, self.min_change, self.best, self.best_epoch, self.waited
