"""Successive halving: runs that do worse than others of the same age are dropped.

After `first` epochs, and again whenever it is `factor` times as old, a run is compared with all runs of
the same shapes and the same optimizer that have come as far: the best 1/factor go on. So each optimizer
spends its epochs on its own promising settings, and none loses its runs to another.

Source: the stopping variant of ASHA (Li et al., A System for Massively Parallel Hyperparameter Tuning,
MLSys 2020), whose rungs are at r·ηᵏ epochs: a run goes on if it is among the best 1/η that have reached
its rung so far. The runs of a stack arrive at once, so the first decision is that of synchronous
successive halving (Jamieson & Talwalkar, AISTATS 2016).
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.errors import ConfigurationError
from harness.fields import check_range

__all__ = ["Halving", "Rungs"]


@dataclass(frozen=True)
class Halving:
    """When runs are compared, and how many go on.

    It needs a validation part, and has no effect on a run alone.

    Attributes:
        factor: η, 2 or more: at each rung the best 1/η go on; null drops no run.
        first: r, epochs until the first rung; the next ones are at rη, rη², …
    """

    factor: int | None = None
    first: int = 1

    def __post_init__(self) -> None:
        check_range(self, "first", 1)
        if self.factor is not None and self.factor < 2:
            raise ConfigurationError(
                f"'factor' of halving must be 2 or more, so that the best 1/factor go on; null drops "
                f"no run. Got {self.factor}."
            )

    def rung(self, epoch: int) -> bool:
        """Whether runs are compared after this epoch, counted from 1."""
        if self.factor is None or epoch < self.first or epoch % self.first:
            return False
        ratio = epoch // self.first
        while ratio % self.factor == 0:
            ratio //= self.factor
        return ratio == 1


class Rungs:
    """The scores at each rung so far, of all stacks that train runs of one group; lower is better."""

    def __init__(self) -> None:
        self._scores: dict[tuple[str, int], list[float]] = {}
        self._lock = threading.Lock()  # two stacks train at once

    def drop(
        self,
        settings: Sequence[Halving],
        groups: Sequence[str],
        epochs: np.ndarray,
        scores: np.ndarray,
    ) -> np.ndarray:
        """Which runs are dropped, (R,) bool.

        Args:
            settings: Halving of each run; the runs of a stack share it.
            groups: Group of each run: a run is compared with those of its own.
            epochs: Epochs of each run so far, (R,).
            scores: Score of each run after this epoch, (R,); NaN is the worst.
        """
        dropped = np.zeros(len(scores), dtype=bool)
        factor = settings[0].factor
        if factor is None:
            return dropped
        arrivals: dict[tuple[str, int], list[int]] = {}
        for row, (halving, group, epoch) in enumerate(
            zip(settings, groups, epochs.tolist(), strict=True)
        ):
            if halving.rung(epoch):
                arrivals.setdefault((group, epoch), []).append(row)
        with self._lock:
            for rung, rows in arrivals.items():
                arriving = np.where(np.isnan(scores[rows]), np.inf, scores[rows])
                at_rung = self._scores.setdefault(rung, [])
                at_rung += arriving.tolist()
                best = math.ceil(len(at_rung) / factor)  # the first to arrive goes on
                dropped[rows] = arriving > sorted(at_rung)[best - 1]
        return dropped
