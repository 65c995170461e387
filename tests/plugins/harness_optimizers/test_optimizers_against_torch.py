"""Each rule against torch.optim in float64: random hyperparameters, a non-convex function."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness_optimizers import Adam, AdamW, AveragedMomentum, HeavyBall, Nesterov, Sgd

torch = pytest.importorskip("torch")

START = np.linspace(-2.0, 2.5, 7)
STEPS = 100


def gradient(theta: np.ndarray) -> np.ndarray:
    """Of Σ (1 − cos 3θᵢ)/3 + θᵢ⁴/40 + θᵢ θᵢ₊₁ / 10, which has many valleys."""
    return np.sin(3 * theta) + theta**3 / 10 + (np.roll(theta, 1, -1) + np.roll(theta, -1, -1)) / 10


def rate(base: float, t: int) -> float:
    """A rate that changes from step to step: where the forms of momentum differ."""
    return base * (1 + 0.5 * np.sin(t))


def assert_same(rule: Any, build: Callable[[list[Any]], Any], factor: float = 1.0) -> None:
    """Both walk along torch's path and see its gradients: a chaotic path would magnify rounding."""
    theta, state = START[None, :], rule.init(START[None, :])
    tensor = torch.tensor(START, requires_grad=True)
    optimizer = build([tensor])
    for t in range(1, STEPS + 1):
        g = gradient(tensor.detach().numpy())
        theta, state = rule.step(theta, g[None, :], state, lr=rate(rule.lr, t), t=t)
        optimizer.param_groups[0]["lr"] = factor * rate(rule.lr, t)
        tensor.grad = torch.from_numpy(g)
        optimizer.step()
        expected = tensor.detach().numpy()
        np.testing.assert_allclose(theta[0], expected, rtol=1e-11, atol=1e-11, err_msg=f"{t=}")


rates = st.floats(1e-4, 0.1)
momenta = st.floats(0.0, 0.95)
betas = st.floats(0.0, 0.9999)
epsilons = st.floats(-10, -2).map(lambda power: 10.0**power)
some = settings(deadline=None, max_examples=15)


@some
@given(lr=rates)
def test_sgd(lr: float) -> None:
    assert_same(Sgd(lr), torch.optim.SGD)


@some
@given(lr=rates, momentum=momenta)
def test_heavy_ball(lr: float, momentum: float) -> None:
    assert_same(HeavyBall(lr, momentum), partial(torch.optim.SGD, momentum=momentum))


@some
@given(lr=rates, momentum=momenta)
def test_averaged_momentum_is_the_heavy_ball_at_a_smaller_rate(lr: float, momentum: float) -> None:
    rule = AveragedMomentum(lr, momentum)
    assert_same(rule, partial(torch.optim.SGD, momentum=momentum), factor=1 - momentum)


@some
@given(lr=rates, momentum=momenta)
def test_averaged_momentum_is_dampening_from_the_second_step_on(lr: float, momentum: float) -> None:
    """torch begins with v = −∇ℒ where the average begins with v = 0: given that v, they agree."""

    class Started(AveragedMomentum):
        def step(self, theta: Any, gradient: Any, state: Any, *, lr: Any, t: Any) -> Any:
            if t == 1:
                state = {"velocity": -gradient}
            return super().step(theta, gradient, state, lr=lr, t=t)

    build = partial(torch.optim.SGD, momentum=momentum, dampening=momentum)
    assert_same(Started(lr, momentum), build)


@some
@given(lr=rates, momentum=st.floats(0.01, 0.95))
def test_nesterov(lr: float, momentum: float) -> None:
    build = partial(torch.optim.SGD, momentum=momentum, nesterov=True)
    assert_same(Nesterov(lr, momentum), build)


@some
@given(lr=rates, beta1=momenta, beta2=betas, eps=epsilons)
def test_adam(lr: float, beta1: float, beta2: float, eps: float) -> None:
    build = partial(torch.optim.Adam, betas=(beta1, beta2), eps=eps)
    assert_same(Adam(lr, beta1, beta2, eps), build)


@some
@given(lr=rates, beta1=momenta, beta2=betas, eps=epsilons, decay=st.floats(0, 1))
def test_adamw(lr: float, beta1: float, beta2: float, eps: float, decay: float) -> None:
    build = partial(torch.optim.AdamW, betas=(beta1, beta2), eps=eps, weight_decay=decay)
    assert_same(AdamW(lr, beta1, beta2, eps, decay), build)
