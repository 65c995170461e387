"""LARS against pytorch_optimizer's, and its algorithm."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness_optimizers import Lars
from rule_trajectories import OfTorch, assert_same, few, gradient, shapes, start


@few
@given(
    shape=shapes,
    lr=st.floats(1e-3, 0.1),  # a bias has no ratio, and diverges at larger ones
    momentum=st.floats(0.01, 0.95),
    trust=st.floats(1e-3, 0.1),
    decay=st.floats(0, 1),
)
def test_it_takes_the_steps_of_pytorch_optimizers(
    shape: Any, lr: float, momentum: float, trust: float, decay: float
) -> None:
    pytorch_optimizer = pytest.importorskip("pytorch_optimizer")
    named = {"momentum": momentum, "trust_coefficient": trust, "weight_decay": decay}
    other = OfTorch(partial(pytorch_optimizer.LARS, lr=lr, **named), shape)
    assert_same(Lars(lr, momentum, trust, decay), shape, other)


def test_it_is_its_algorithm_at_a_constant_rate() -> None:
    """You et al. 2017, Algorithm 1, where the rate is in the velocity."""
    gamma, mu, eta, beta = 0.3, 0.8, 0.05, 0.1
    w, v = start((4, 3)), np.zeros((4, 3))
    rule = Lars(gamma, mu, eta, beta)
    theta, state = w[None], rule.init(w[None])
    for t in range(1, 51):
        g = gradient(w)
        theta, state = rule.step(theta, g[None], state, lr=gamma, t=t)
        local = eta * np.linalg.norm(w) / (np.linalg.norm(g) + beta * np.linalg.norm(w))
        v = mu * v + gamma * local * (g + beta * w)
        w = w - v
        np.testing.assert_allclose(theta[0], w, rtol=1e-10, atol=1e-10)


def test_a_matrix_of_zeros_gets_off_the_ground() -> None:
    rule = Lars()
    theta = np.zeros((1, 2, 3))
    moved, _ = rule.step(theta, np.ones((1, 2, 3)), rule.init(theta), lr=rule.lr, t=1)
    assert (moved < 0).all()
