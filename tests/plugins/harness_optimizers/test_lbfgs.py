"""L-BFGS against PyTorch's, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness_optimizers import Lbfgs
from rule_trajectories import gradient
from valleys import START, STEPS, Batch, some

torch = pytest.importorskip("torch")


@given(lr=st.floats(0.05, 1.0), history=st.integers(1, 12))
@some
def test_on_one_batch_it_is_torchs(lr: float, history: int) -> None:
    """Along torch's path, since rounding grows along one's own."""
    tensor = torch.tensor(START, requires_grad=True)
    # Tolerances of 0, since torch would stop at a minimum
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
            break  # at a minimum, where only rounding is left
        new, state = rule.step(theta, g, state, lr=lr, t=t, batch=Batch())
        other.step(closure)
        np.testing.assert_allclose(new[0], tensor.detach().numpy(), rtol=1e-6, atol=1e-9)
        theta = new
    assert t > 5


def test_it_leaves_out_a_pair_without_curvature() -> None:
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
