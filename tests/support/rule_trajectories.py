"""Trajectories of rules that see a whole parameter, beside those of other implementations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st

SHAPES = [(4, 3), (3, 5), (4,)]  # two weight matrices and a bias
shapes = st.sampled_from(SHAPES)
momenta = st.floats(0.0, 0.95)
few = settings(deadline=None, max_examples=4)


def start(shape: tuple[int, ...]) -> np.ndarray:
    return np.linspace(-2.0, 2.5, int(np.prod(shape))).reshape(shape)


def gradient(theta: np.ndarray) -> np.ndarray:
    """The gradient of a function with many valleys."""
    sides = np.roll(theta, 1, -1) + np.roll(theta, -1, -1)
    return np.sin(3 * theta) + theta**3 / 10 + sides / 10


def rate(base: float, t: int) -> float:
    return base * (1 + 0.5 * np.sin(t))


def assert_same(
    rule: Any,
    shape: tuple[int, ...],
    other: Callable[[np.ndarray, np.ndarray, float, int], np.ndarray],
    rtol: float = 1e-10,
    steps: int = 50,
) -> None:
    """Holds a rule against another one along the other's path.

    Args:
        rule: The rule.
        shape: Shape of the parameter.
        other: A step of the other one, of θ, gradient, rate and t to the new θ.
        rtol: Relative and absolute tolerance.
        steps: Number of steps.
    """
    theta = start(shape)
    actual, state = theta[None], rule.init(theta[None])
    for t in range(1, steps + 1):
        g = gradient(theta)
        actual, state = rule.step(actual, g[None], state, lr=rate(rule.lr, t), t=t)
        theta = other(theta, g, rate(rule.lr, t), t)
        np.testing.assert_allclose(actual[0], theta, rtol=rtol, atol=rtol, err_msg=f"{t=}")


class OfTorch:
    """A PyTorch optimizer as a function of θ."""

    def __init__(self, build: Callable[[list[Any]], Any], shape: tuple[int, ...]) -> None:
        self.torch = pytest.importorskip("torch")
        self.tensor = self.torch.tensor(start(shape), requires_grad=True)
        self.optimizer = build([self.tensor])

    def __call__(self, theta: np.ndarray, g: np.ndarray, lr: float, t: int) -> np.ndarray:
        self.optimizer.param_groups[0]["lr"] = lr
        self.tensor.grad = self.torch.from_numpy(g.copy())
        self.optimizer.step()
        return self.tensor.detach().numpy().copy()
