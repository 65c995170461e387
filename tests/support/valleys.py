"""The function of many valleys as a batch, for rules that take gradients at other points."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import settings

from rule_trajectories import gradient

START = np.linspace(-2.0, 2.5, 7)
STEPS = 50
some = settings(deadline=None, max_examples=15)


def curvature(theta: np.ndarray) -> np.ndarray:
    """The Hessian of the function, for one run: (P, P)."""
    neighbours = np.roll(np.eye(theta.size), 1, 0) + np.roll(np.eye(theta.size), -1, 0)
    return np.diag(3 * np.cos(3 * theta) + 3 * theta**2 / 10) + neighbours / 10


class Batch:
    """The function as a batch, which draws signs.

    Attributes:
        gradients: Number of gradients that were taken.
        drawn: The last signs, (1, P).
    """

    def __init__(self) -> None:
        self.gradients = 0
        self._rng = np.random.default_rng(5)

    def gradient(self, theta: np.ndarray, where: Any = None) -> np.ndarray:
        """At other parameters."""
        self.gradients += where is None or bool(np.all(where))
        return gradient(theta)

    def signs(self, where: Any = None) -> np.ndarray:
        """(1, P)."""
        self.drawn = self._rng.choice([-1.0, 1.0], size=(1, START.size))
        return self.drawn
