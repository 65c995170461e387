"""Rules that take gradients at other points, against references in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness_optimizers import Lbfgs, Sophia

torch = pytest.importorskip("torch")

START = np.linspace(-2.0, 2.5, 7)
STEPS = 50
once = settings(deadline=None, max_examples=15)


def gradient(theta: np.ndarray) -> np.ndarray:
    """Of Σ (1 − cos 3θᵢ)/3 + θᵢ⁴/40 + θᵢ θᵢ₊₁ / 10, which has many valleys."""
    return np.sin(3 * theta) + theta**3 / 10 + (np.roll(theta, 1, -1) + np.roll(theta, -1, -1)) / 10


def curvature(theta: np.ndarray) -> np.ndarray:
    """The Hessian of it, for one run: (P, P)."""
    neighbours = np.roll(np.eye(theta.size), 1, 0) + np.roll(np.eye(theta.size), -1, 0)
    return np.diag(3 * np.cos(3 * theta) + 3 * theta**2 / 10) + neighbours / 10


class Batch:
    """The function as a batch; its signs are drawn here. gradients: how many were taken."""

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


@given(lr=st.floats(0.05, 1.0), history=st.integers(1, 12))
@once
def test_lbfgs_on_one_batch_is_torchs(lr: float, history: int) -> None:
    """Along torch's path, since rounding grows along one's own."""
    tensor = torch.tensor(START, requires_grad=True)
    # Tolerances of 0: torch would stop at a minimum, where the loop's own stopping is not its business
    other = torch.optim.LBFGS(
        [tensor], lr=lr, max_iter=1, history_size=history, tolerance_grad=0, tolerance_change=0
    )

    def closure() -> float:
        tensor.grad = torch.tensor(gradient(tensor.detach().numpy()))
        return 0.0

    rule, theta = Lbfgs(lr, history=history), START[None, :]
    state = rule.init(theta)
    for t in range(1, STEPS + 1):
        g = gradient(theta)
        if np.abs(g).max() < 1e-5:
            break  # at a minimum, where steps are rounding
        new, state = rule.step(theta, g, state, lr=lr, t=t, batch=Batch())
        other.step(closure)
        np.testing.assert_allclose(new[0], tensor.detach().numpy(), rtol=1e-6, atol=1e-9)
        theta = new
    assert t > 5


def test_lbfgs_leaves_out_a_pair_without_curvature() -> None:
    """Where the function bends down, yᵀs < 0, H stays what it was."""
    rule, theta = Lbfgs(0.1), np.array([[0.5, 0.5]])
    state = rule.init(theta)

    class Hill:
        def gradient(self, theta: np.ndarray, where: Any = None) -> np.ndarray:
            return -theta

    new, after = rule.step(theta, -theta, state, lr=0.1, t=1, batch=Hill())
    assert not np.allclose(new, theta)
    for name in ("s", "y"):
        np.testing.assert_array_equal(after[name], state[name])


def test_damping_adds_to_y() -> None:
    """Schraudolph, Yu & Günter 2007: y = ∇ after − ∇ before + λs."""
    theta = START[None, :]
    rule = Lbfgs(0.1, damping=0.7)
    new, state = rule.step(theta, gradient(theta), rule.init(theta), lr=0.1, t=1, batch=Batch())
    s = new - theta
    np.testing.assert_allclose(state["s"][:, 0], s)
    np.testing.assert_allclose(state["y"][:, 0], gradient(new) - gradient(theta) + 0.7 * s)


@given(
    lr=st.floats(1e-3, 0.1),
    beta1=st.floats(0, 0.99),
    beta2=st.floats(0, 0.99),
    gamma=st.floats(1e-3, 1),
    decay=st.floats(0, 1),
    period=st.integers(1, 12),
)
@once
def test_sophia_as_its_algorithm_is_printed(
    lr: float, beta1: float, beta2: float, gamma: float, decay: float, period: int
) -> None:
    """Liu et al. 2024, Sophia-H, with u ⊙ (Hu) of the Hessian itself."""
    eps = 1e-12
    rule = Sophia(lr, beta1, beta2, gamma, eps, decay, probe=1e-7, period=period)
    batch, theta = Batch(), START[None, :]
    state = rule.init(theta)
    m = h = np.zeros_like(theta)
    for t in range(1, STEPS + 1):
        g = gradient(theta)
        new, state = rule.step(theta, g, state, lr=lr, t=t, batch=batch)
        m = beta1 * m + (1 - beta1) * g
        if t % period == 1 % period:
            u = batch.drawn
            h = beta2 * h + (1 - beta2) * u * (u @ curvature(theta[0]))
        expected = theta - lr * decay * theta
        expected = expected - lr * np.clip(m / np.maximum(gamma * h, eps), -1, 1)
        np.testing.assert_allclose(state["h"], h, rtol=1e-4, atol=1e-5)
        h = state["h"]  # a difference of gradients is good to some digits
        clear = np.abs(gamma * h) > 1e-6
        np.testing.assert_allclose(new[clear], expected[clear], rtol=1e-6, atol=1e-7)
        theta = new
    assert batch.gradients == 2 * -(-STEPS // period)  # one of them where the step began
