"""Muon against its iteration on singular values, and PyTorch's."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import update
from harness.backends import Block
from harness.model.network import Network
from harness_optimizers import AdamW, Muon
from rule_trajectories import SHAPES, OfTorch, assert_same, few


def orthogonalized(g: np.ndarray) -> np.ndarray:
    """Jordan's iteration on the singular values themselves."""
    u, s, vt = np.linalg.svd(g, full_matrices=False)
    s = s / (np.sqrt((s**2).sum()) + 1e-7)
    for _ in range(5):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    return (u * s) @ vt


@few
@given(
    shape=st.sampled_from(SHAPES[:2]),
    lr=st.floats(1e-3, 0.3),
    mu=st.floats(0, 0.98),
    decay=st.floats(0, 1),
)
def test_it_is_the_iteration_on_singular_values(
    shape: Any, lr: float, mu: float, decay: float
) -> None:
    buffer = np.zeros(shape)

    def step(x: np.ndarray, g: np.ndarray, eta: float, t: int) -> np.ndarray:
        nonlocal buffer
        buffer = mu * buffer + (1 - mu) * g
        o = orthogonalized((1 - mu) * g + mu * buffer)
        return (1 - eta * decay) * x - eta * max(1, shape[0] / shape[1]) ** 0.5 * o

    assert_same(Muon(lr, mu, decay), shape, step)


@pytest.mark.parametrize("shape", SHAPES[:2])
def test_it_is_torchs_to_its_precision(shape: Any) -> None:
    torch = pytest.importorskip("torch")
    lr = 1e-3  # torch orthogonalizes in bfloat16
    other = OfTorch(partial(torch.optim.Muon, lr=lr, momentum=0.9, weight_decay=0.1), shape)
    assert_same(Muon(lr, 0.9, 0.1), shape, other, rtol=0.2 * lr, steps=5)


def test_biases_and_the_output_layer_are_left_to_adamw() -> None:
    network = Network((3, 4, 2), "tanh", 0.01, True)
    theta = np.random.default_rng(0).normal(size=(2, network.size))
    rules = [Muon(0.02, adam_share=0.1, weight_decay=0.3), AdamW(0.002, 0.9, 0.95, 1e-10, 0.3)]
    ends = []
    for rule in rules:
        block, end = Block(slice(0, 2), rule), theta.copy()
        state = update.initial_state(block, end, network)
        for t in range(1, 21):
            update.apply(block, end, np.sin(3 * end), state, rule.lr, t, network)
        ends.append(end)
    unlike = ~np.isclose(*ends, rtol=1e-9).all(0)
    (first, *rest) = network.parameters
    assert unlike[first.start : first.stop].all()
    assert not any(unlike[parameter.start : parameter.stop].any() for parameter in rest)
