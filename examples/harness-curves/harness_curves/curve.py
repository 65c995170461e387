"""A function of one variable, seen through noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from harness import Data, Task, check_choice, check_range

SHAPES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "line": lambda x: x,
    "corner": np.abs,
    "parabola": lambda x: 2 * x**2 - 1,
    "sine": lambda x: np.sin(2 * np.pi * x),
    "step": np.sign,
}


@dataclass(frozen=True)
class Curve:
    """y = f(x) + noise for x from −1 to 1: what a network approximates, in a picture of two axes.

    Attributes:
        shape: Function f: "line" (x), "corner" (|x|), "parabola" (2x² − 1), "sine" (sin 2πx) or
            "step" (sign x).
        samples: Number of samples, evenly spaced, 2 or more.
        noise: Standard deviation of the noise on y, in [0, inf).
        seed: Seed of the noise, 0 or more.

    A linear model (network.hidden=[]) fits the line and nothing else, and so does any network with
    network.activation=identity. Two ReLU units fit the corner exactly, |x| = max(x, 0) + max(−x, 0);
    the others take the more units, the smoother or steeper they are.

    >>> Curve("parabola", samples=5, noise=0).load().targets
    array([ 1. , -0.5, -1. , -0.5,  1. ])
    """

    shape: str = "sine"
    samples: int = 200
    noise: float = 0.1
    seed: int = 0

    task: ClassVar[Task] = Task.REGRESSION

    def __post_init__(self) -> None:
        check_choice(self, "shape", tuple(SHAPES))
        check_range(self, "samples", 2)
        check_range(self, "noise", 0)
        check_range(self, "seed", 0)

    def load(self) -> Data:
        """Features (samples, 1); targets (samples,)."""
        x = np.linspace(-1, 1, self.samples)
        rng = np.random.Generator(np.random.PCG64(self.seed))
        y = SHAPES[self.shape](x) + self.noise * rng.standard_normal(self.samples)
        return Data(x[:, None], y, source=str(self), feature_names=("x",))
