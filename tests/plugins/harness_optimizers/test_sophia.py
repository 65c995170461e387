"""Sophia against its algorithm, with the Hessian itself."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from harness_optimizers import Sophia
from rule_trajectories import gradient
from valleys import START, STEPS, Batch, curvature, some


@given(
    lr=st.floats(1e-3, 0.1),
    beta1=st.floats(0, 0.99),
    beta2=st.floats(0, 0.99),
    gamma=st.floats(1e-3, 1),
    decay=st.floats(0, 1),
    period=st.integers(1, 12),
)
@some
def test_it_is_its_algorithm(
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
        h = state["h"]  # a difference of gradients has only some digits
        clear = np.abs(gamma * h) > 1e-6
        np.testing.assert_allclose(new[clear], expected[clear], rtol=1e-6, atol=1e-7)
        theta = new
    assert batch.gradients == 2 * -(-STEPS // period)  # one of the two at θ itself
