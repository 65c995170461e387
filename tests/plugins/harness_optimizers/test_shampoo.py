"""Shampoo against pytorch_optimizer's, and its algorithm."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from harness_optimizers import Shampoo
from rule_trajectories import OfTorch, assert_same, few, shapes


@few
@given(shape=shapes, lr=st.floats(1e-3, 1), eps=st.floats(1e-6, 1))
def test_it_takes_the_steps_of_pytorch_optimizers(shape: Any, lr: float, eps: float) -> None:
    pytorch_optimizer = pytest.importorskip("pytorch_optimizer")
    other = OfTorch(partial(pytorch_optimizer.Shampoo, lr=lr, matrix_eps=eps), shape)
    assert_same(Shampoo(lr, eps), shape, other, rtol=1e-8)


def root(x: np.ndarray) -> np.ndarray:
    """X^(−1/2), by a Schur decomposition and no eigenvectors."""
    return np.linalg.inv(sqrtm(x))


def fourth_root(x: np.ndarray) -> np.ndarray:
    """X^(−1/4)."""
    return np.linalg.inv(sqrtm(sqrtm(x)))


@few
@given(shape=shapes, lr=st.floats(1e-3, 1), eps=st.floats(1e-3, 1))
def test_it_is_its_algorithm(shape: Any, lr: float, eps: float) -> None:
    """Gupta et al. 2018, Algorithm 1; Algorithm 2 at order 1 for a bias."""
    left, right = eps * np.eye(shape[0]), eps * np.eye(shape[-1])

    def step(w: np.ndarray, g: np.ndarray, eta: float, t: int) -> np.ndarray:
        nonlocal left, right
        if len(shape) == 1:
            left = left + np.outer(g, g)
            return w - eta * root(left) @ g
        left, right = left + g @ g.T, right + g.T @ g
        return w - eta * fourth_root(left) @ g @ fourth_root(right)

    assert_same(Shampoo(lr, eps), shape, step, rtol=1e-8)


@pytest.mark.parametrize("shape", [(4, 3), (3, 4), (4,)])
def test_of_a_large_side_the_diagonal_is_kept(shape: Any) -> None:
    """The sums by rows and by columns, one at a time; here of sides of four."""
    lr, eps = 0.3, 1e-2
    rows, columns = np.full(shape[0], eps), np.full(shape[-1], eps)
    left, right = eps * np.eye(shape[0]), eps * np.eye(shape[-1])

    def step(w: np.ndarray, g: np.ndarray, eta: float, t: int) -> np.ndarray:
        nonlocal left, right
        moved = g.copy()
        if len(shape) == 1:
            for i in range(4):
                rows[i] += g[i] ** 2
                moved[i] = g[i] * rows[i] ** (-1 / 2)
        elif shape[0] == 4:
            right = right + g.T @ g
            for i in range(4):
                rows[i] += sum(x**2 for x in g[i])
                moved[i] = g[i] * rows[i] ** (-1 / 4)
            moved = moved @ fourth_root(right)
        else:
            left = left + g @ g.T
            for j in range(4):
                columns[j] += sum(x**2 for x in g[:, j])
                moved[:, j] = g[:, j] * columns[j] ** (-1 / 4)
            moved = fourth_root(left) @ moved
        return w - eta * moved

    rule = Shampoo(lr, eps, max_size=3)
    assert_same(rule, shape, step)
    sizes = {name: slot.shape for name, slot in rule.init(np.zeros((2, *shape))).items()}
    assert (
        sizes
        == {
            (4, 3): {"left": (2, 4, 1), "right": (2, 3, 3)},
            (3, 4): {"left": (2, 3, 3), "right": (2, 4, 1)},
            (4,): {"left": (2, 4, 1)},
        }[shape]
    )


@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("spoilt", [np.nan, np.inf, 1e30])
def test_a_run_whose_sums_overflow_ends_alone(backend: str, spoilt: float) -> None:
    """`eigh` raises on non-finite input; the other runs must go on."""
    place = pytest.importorskip("torch").tensor if backend == "torch" else np.array
    rule, runs = Shampoo(), np.ones((2, 4, 3), np.float32)
    runs[1, 0, 0] = spoilt
    gradient, theta = place(runs), place(runs)
    state = rule.init(theta)
    with np.errstate(all="ignore"):
        for t in (1, 2):
            theta, state = rule.step(theta, gradient, state, lr=rule.lr, t=t)
    alone, _ = rule.step(place(runs[:1]), gradient[:1], rule.init(place(runs[:1])), lr=1.0, t=1)
    assert np.isfinite(np.asarray(theta[0])).all()
    assert np.isfinite(np.asarray(alone)).all()
    assert np.isnan(np.asarray(theta[1])).all()


@pytest.mark.parametrize("shape", [(6, 5), (6,)])
def test_eigenvalues_may_be_rounded_below_zero(shape: Any) -> None:
    """In float32, where ε is lost beside the squares of a gradient of rank one."""
    column = np.linspace(1, 3, 6, dtype=np.float32)
    g = (column[:, None] * np.linspace(1, 2, 5, dtype=np.float32) if len(shape) == 2 else column)[
        None
    ]
    rule, theta = Shampoo(eps=1e-12), np.zeros_like(g)
    moved, state = rule.step(theta, g, rule.init(theta), lr=1.0, t=1)
    assert np.linalg.eigvalsh(state["left"]).min() < -rule.eps
    assert np.isfinite(moved).all()
