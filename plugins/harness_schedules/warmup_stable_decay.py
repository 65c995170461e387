"""Warm-up, stable, decay."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness import Horizon, check_choice, check_range


@dataclass(frozen=True)
class WarmupStableDecay:
    """The rate stays for most of the run and falls in its last part; it warms up where asked to.

        1 − (1 − f) s(p)        p: share of the last part that has passed;  s(p) = p or √p

    The warm-up is `training.warmup_epochs`, as for every schedule.

    Attributes:
        decay: Share of the run after the warm-up in which the rate falls, in (0, 1].
        final: Factor f that is reached when the horizon is over, in [0, 1]; it stays from there on.
        shape: Shape of the fall, "linear", or "sqrt", which falls at once and then ever more
            slowly.

    >>> WarmupStableDecay(decay=0.5).factor(np.arange(5.0), Horizon(steps_per_epoch=2, epochs=2))
    array([1. , 1. , 1. , 0.5, 0. ])

    Sources: Hu et al., MiniCPM: unveiling the potential of small language models with scalable
    training strategies, 2024, section 4; the shapes: Hägele et al., Scaling laws and
    compute-optimal training beyond fixed training durations, 2024.
    """

    decay: float = 0.2
    final: float = 0.0
    shape: str = "linear"

    def __post_init__(self) -> None:
        check_range(self, "decay", 0, 1, closed="right")
        check_range(self, "final", 0, 1)
        check_choice(self, "shape", ("linear", "sqrt"))

    def factor(self, step: np.ndarray, horizon: Horizon) -> np.ndarray:
        """Continuous in the step; see `harness.Schedule.factor`."""
        steps = max(horizon.steps, 1)  # the warm-up may leave none
        stable = (1 - self.decay) * steps
        passed = np.clip((step - stable) / (self.decay * steps), 0, 1)
        return 1 - (1 - self.final) * (np.sqrt(passed) if self.shape == "sqrt" else passed)
