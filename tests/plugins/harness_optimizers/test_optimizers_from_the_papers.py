"""The rules against recursions written out for one number, in the notation of their sources."""

from math import sqrt
from typing import Any

import numpy as np
import pytest

from harness_optimizers import Adam, AdamW, AveragedMomentum, HeavyBall, Nesterov


def slope(x: float) -> float:
    """Of x⁴/4 − x², which has two valleys."""
    return x**3 - 2 * x


def trajectory(rule: Any, x: float, steps: int = 60) -> list[float]:
    theta = np.array([[x]])
    state, path = rule.init(theta), []
    for t in range(1, steps + 1):
        theta, state = rule.step(theta, slope(theta), state, lr=rule.lr, t=t)
        path.append(theta.item())
    return path


def test_averaged_momentum_as_the_course_writes_it() -> None:
    """v ← αv − (1 − α)∇ℒ, θ ← θ + ηv."""
    a, eta = 0.8, 0.15
    x, v, expected = 0.3, 0.0, []
    for _ in range(60):
        v = a * v - (1 - a) * slope(x)
        x = x + eta * v
        expected.append(x)
    assert trajectory(AveragedMomentum(eta, a), 0.3) == pytest.approx(expected, rel=1e-12)


def test_heavy_ball_is_polyaks_at_a_constant_rate() -> None:
    """Polyak 1964: xₙ₊₁ = xₙ − α∇f(xₙ) + β(xₙ − xₙ₋₁)."""
    alpha, beta = 0.05, 0.7
    before, x, expected = 0.3, 0.3, []
    for _ in range(60):
        before, x = x, x - alpha * slope(x) + beta * (x - before)
        expected.append(x)
    assert trajectory(HeavyBall(alpha, beta), 0.3) == pytest.approx(expected, rel=1e-9)


def test_nesterov_is_sutskevers_look_ahead_point_at_a_constant_rate() -> None:
    """Sutskever et al. 2013, eq. 3 and 4: v ← μv − ε∇f(θ + μv), θ ← θ + v."""
    mu, epsilon = 0.7, 0.05
    x, v, expected = 0.3, 0.0, []
    for _ in range(60):
        v = mu * v - epsilon * slope(x + mu * v)
        x = x + v
        expected.append(x + mu * v)
    assert trajectory(Nesterov(epsilon, mu), 0.3) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("decay", [0.0, 0.2])
def test_adam_and_adamw_as_their_algorithms_are_printed(decay: float) -> None:
    """Kingma & Ba 2015, Algorithm 1; Loshchilov & Hutter 2019, Algorithm 2, λ times the rate."""
    alpha, beta1, beta2, eps = 0.05, 0.8, 0.95, 1e-3
    x, m, v, expected = 0.3, 0.0, 0.0, []
    for t in range(1, 61):
        g = slope(x)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
        x = x - alpha * m_hat / (sqrt(v_hat) + eps) - alpha * decay * x
        expected.append(x)
    rule = AdamW(alpha, beta1, beta2, eps, decay) if decay else Adam(alpha, beta1, beta2, eps)
    assert trajectory(rule, 0.3) == pytest.approx(expected, rel=1e-9)
