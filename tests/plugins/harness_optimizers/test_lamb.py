"""LAMB against its algorithm."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from harness_optimizers import Lamb
from rule_trajectories import assert_same, few, momenta, shapes


@few
@given(
    shape=shapes,
    lr=st.floats(1e-3, 0.1),
    beta1=momenta,
    beta2=st.floats(0, 0.9999),
    eps=st.floats(1e-8, 1e-2),
    decay=st.floats(0, 1),
)
def test_it_is_its_algorithm(
    shape: Any, lr: float, beta1: float, beta2: float, eps: float, decay: float
) -> None:
    """You et al. 2020, Algorithm 2, φ(z) = z; a bias without ratio and decay."""
    m, v = np.zeros(shape), np.zeros(shape)

    def step(x: np.ndarray, g: np.ndarray, eta: float, t: int) -> np.ndarray:
        nonlocal m, v
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        r = (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps)
        if len(shape) == 1:
            return x - eta * r
        direction = r + decay * x
        return x - eta * np.linalg.norm(x) / np.linalg.norm(direction) * direction

    assert_same(Lamb(lr, beta1, beta2, eps, decay), shape, step)


def test_a_matrix_of_zeros_gets_off_the_ground() -> None:
    rule = Lamb()
    theta = np.zeros((1, 2, 3))
    moved, _ = rule.step(theta, np.ones((1, 2, 3)), rule.init(theta), lr=rule.lr, t=1)
    assert (moved < 0).all()
