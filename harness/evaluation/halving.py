"""Successive halving: runs that do worse than others at the same age give up their places.

After `first` epochs, and again whenever a run is `factor` times as old, it is compared with all runs of
the same shapes that have come as far with the same optimizer: the best 1/factor go on. So each optimizer
spends its epochs on its own promising settings, and none loses its runs to another.

Source: the stopping variant of ASHA (Li et al., A System for Massively Parallel Hyperparameter Tuning,
MLSys 2020), whose rungs are at r·ηᵏ epochs: a run goes on if it is among the best 1/η that have reached
its rung so far. The runs of a stack arrive at once, which makes the first decision that of synchronous
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

    factor: η; at each rung the best 1/η go on. null drops no run. first: r, epochs until the first
    rung; the next ones are at rη, rη², … It needs a validation part, and has no effect on a run alone.
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
        """Whether runs are compared after this epoch."""
        if self.factor is None or epoch < self.first or epoch % self.first:
            return False
        ratio = epoch // self.first
        while ratio % self.factor == 0:
            ratio //= self.factor
        return ratio == 1


class Rungs:
    """The scores at each rung so far, of all stacks of a sweep; lower is better."""

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
        """Which runs are to give up their places, (R,) bool.

        groups: runs are compared with those of the same group. epochs: how old each run is. scores:
        (R,); NaN counts as the worst.
        """
        dropped = np.zeros(len(scores), dtype=bool)
        arrived: dict[tuple[str, int], list[int]] = {}
        for row, (halving, group, epoch) in enumerate(
            zip(settings, groups, epochs.tolist(), strict=True)
        ):
            if halving.rung(epoch):
                arrived.setdefault((group, epoch), []).append(row)
        with self._lock:
            for rung, rows in arrived.items():
                ranks = np.where(np.isnan(scores[rows]), np.inf, scores[rows])
                known = self._scores.setdefault(rung, [])
                known += ranks.tolist()
                factor = settings[rows[0]].factor
                assert factor is not None
                best = math.ceil(len(known) / factor)  # the first to arrive goes on
                limit = sorted(known)[best - 1]
                dropped[rows] = ranks > limit
        return dropped
