"""The rules against recursions written out for one number, in the notation of their sources."""

from math import copysign, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness_optimizers import (
    AdaBelief,
    Adam,
    AdamW,
    AmsGrad,
    AveragedMomentum,
    HeavyBall,
    NAdam,
    Nesterov,
    RAdam,
    RmsPropCentered,
    ScheduleFreeAdamW,
    ScheduleFreeSgd,
    Yogi,
)
from harness_optimizers.nadam import product

some = settings(deadline=None, max_examples=10)


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


@some
@given(
    aleph=st.floats(0.5, 0.99),
    beth=st.floats(0, 0.95),
    gimel=st.floats(1e-4, 0.01),
    daleth=st.floats(1e-4, 1e-2),
)
def test_centered_rmsprop_as_graves_writes_it(
    aleph: float, beth: float, gimel: float, daleth: float
) -> None:
    """Graves 2013, eq. 38 to 41."""
    x, n, g, delta, expected = 0.3, 0.0, 0.0, 0.0, []
    for _ in range(60):
        e = slope(x)
        n = aleph * n + (1 - aleph) * e**2
        g = aleph * g + (1 - aleph) * e
        delta = beth * delta - gimel * e / sqrt(n - g**2 + daleth)
        x = x + delta
        expected.append(x)
    actual = trajectory(RmsPropCentered(gimel, aleph, beth, daleth), 0.3)
    assert actual == pytest.approx(expected, rel=1e-9)


def test_amsgrad_as_its_algorithm_is_printed() -> None:
    """Reddi et al. 2018, Algorithm 2, with ε beside the root."""
    alpha, beta1, beta2, eps = 0.05, 0.8, 0.9, 1e-3
    x, m, v, v_hat, expected = 0.3, 0.0, 0.0, 0.0, []
    for _ in range(60):
        g = slope(x)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        v_hat = max(v_hat, v)
        x = x - alpha * m / (sqrt(v_hat) + eps)
        expected.append(x)
    assert trajectory(AmsGrad(alpha, beta1, beta2, eps), 0.3) == pytest.approx(expected, rel=1e-9)


def test_yogi_as_its_algorithm_is_printed() -> None:
    """Zaheer et al. 2018, Algorithm 2."""
    eta, beta1, beta2, eps = 0.05, 0.8, 0.9, 1e-3
    x, m, v, expected = 0.3, 0.0, 0.0, []
    for _ in range(60):
        g = slope(x)
        m = beta1 * m + (1 - beta1) * g
        v = v - (1 - beta2) * copysign(1, v - g**2) * g**2
        x = x - eta * m / (sqrt(v) + eps)
        expected.append(x)
    assert trajectory(Yogi(eta, beta1, beta2, eps), 0.3) == pytest.approx(expected, rel=1e-9)


def test_adabelief_as_its_algorithm_is_printed() -> None:
    """Zhuang et al. 2020."""
    alpha, beta1, beta2, eps = 0.02, 0.8, 0.9, 1e-4
    x, m, s, expected = 0.3, 0.0, 0.0, []
    for t in range(1, 61):
        g = slope(x)
        m = beta1 * m + (1 - beta1) * g
        s = beta2 * s + (1 - beta2) * (g - m) ** 2 + eps
        x = x - alpha * (m / (1 - beta1**t)) / (sqrt(s / (1 - beta2**t)) + eps)
        expected.append(x)
    assert trajectory(AdaBelief(alpha, beta1, beta2, eps), 0.3) == pytest.approx(expected, rel=1e-9)


def test_radam_as_its_algorithm_is_printed() -> None:
    """Liu et al. 2020, Algorithm 2, with ε beside the root."""
    alpha, beta1, beta2, eps = 0.05, 0.8, 0.98, 1e-6
    rho_inf = 2 / (1 - beta2) - 1
    x, m, v, expected = 0.3, 0.0, 0.0, []
    for t in range(1, 61):
        g = slope(x)
        v = beta2 * v + (1 - beta2) * g**2
        m = beta1 * m + (1 - beta1) * g
        m_hat = m / (1 - beta1**t)
        rho = rho_inf - 2 * t * beta2**t / (1 - beta2**t)
        if rho > 4:
            length = sqrt(1 - beta2**t) / (sqrt(v) + eps)
            r = (rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho)
            x = x - alpha * sqrt(r) * m_hat * length
        else:
            x = x - alpha * m_hat
        expected.append(x)
    assert trajectory(RAdam(alpha, beta1, beta2, eps), 0.3) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("beta1", [0.0, 0.8, 0.999])
def test_nadam_with_its_product_multiplied_out(beta1: float) -> None:
    """Dozat 2016, with β₁ for the mean; 300 steps, beyond those for which the product is expanded."""
    eta, beta2, eps = 0.002, 0.98, 1e-6

    def mu(t: int) -> float:
        return beta1 * (1 - 0.5 * 0.96 ** (t / 250))

    x, m, v, product, expected = 0.3, 0.0, 0.0, 1.0, []
    for t in range(1, 301):
        g = slope(x)
        product *= mu(t)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_bar = mu(t + 1) * m / (1 - product * mu(t + 1)) + (1 - mu(t)) * g / (1 - product)
        x = x - eta * m_bar / (sqrt(v / (1 - beta2**t)) + eps)
        expected.append(x)
    actual = trajectory(NAdam(eta, beta1, beta2, eps), 0.3, 300)
    assert actual == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("beta1", [0.0, 0.5, 0.9999])
def test_the_product_of_nadam_is_known_from_the_number_of_the_step(beta1: float) -> None:
    expected = np.cumprod([beta1 * (1 - 0.5 * 0.96 ** (t / 250)) for t in range(1, 1001)])
    actual = [product(beta1, t) for t in range(1, 1001)]
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-15)
    assert product(beta1, 10**9) == 0


def schedule_free(rule: Any, start: float, steps: int = 60) -> list[tuple[float, float]]:
    """y and x, step by step."""
    theta = np.array([[start]])
    state, path = rule.init(theta), []
    for t in range(1, steps + 1):
        theta, state = rule.step(theta, slope(theta), state, lr=rule.lr, t=t)
        path.append((theta.item(), rule.evaluated(theta, state).item()))
    return path


def test_schedule_free_descent_keeps_the_mean_of_its_points() -> None:
    """Defazio et al. 2024, eq. 3 to 5."""
    gamma, beta = 0.1, 0.7
    z, points, x, expected = 0.3, [], 0.3, []
    for _ in range(60):
        y = (1 - beta) * z + beta * x
        z = z - gamma * slope(y)
        points.append(z)
        x = sum(points) / len(points)
        expected.append(((1 - beta) * z + beta * x, x))
    actual = schedule_free(ScheduleFreeSgd(gamma, beta), 0.3)
    np.testing.assert_allclose(actual, expected, rtol=1e-9)


@some
@given(
    rate=st.floats(1e-3, 0.05),
    beta1=st.floats(0.05, 0.95),
    beta2=st.floats(0, 0.9999),
    eps=st.floats(1e-6, 1e-2),
    decay=st.floats(0, 1),
)
def test_schedule_free_adamw_as_its_algorithm_is_printed(
    rate: float, beta1: float, beta2: float, eps: float, decay: float
) -> None:
    """Defazio et al. 2024, Algorithm 1, without warm-up."""
    x = z = 0.3
    v, squares, expected = 0.0, 0.0, []
    for t in range(1, 61):
        y = (1 - beta1) * z + beta1 * x
        g = slope(y)
        v = beta2 * v + (1 - beta2) * g**2
        gamma = rate * sqrt(1 - beta2**t)
        z = z - gamma * g / (sqrt(v) + eps) - gamma * decay * y
        squares += gamma**2
        c = gamma**2 / squares
        x = (1 - c) * x + c * z
        expected.append(((1 - beta1) * z + beta1 * x, x))
    actual = schedule_free(ScheduleFreeAdamW(rate, beta1, beta2, eps, decay), 0.3)
    np.testing.assert_allclose(actual, expected, rtol=1e-9)
