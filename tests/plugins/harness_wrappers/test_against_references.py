"""Each wrapper against another implementation in PyTorch, in float64, over random hyperparameters.

Both see the same parameters and gradients. A wrapper that no library has is compared with its sum.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness_optimizers import Adam, Sgd
from harness_wrappers import (
    ClipAdaptive,
    ClipNorm,
    ClipValue,
    DecoupledDecay,
    Ema,
    Lookahead,
    Sam,
    Swa,
)

torch = pytest.importorskip("torch")
pytorch_optimizer = pytest.importorskip("pytorch_optimizer")

START = np.linspace(-2.0, 2.5, 6)
STEPS = 50
once = settings(deadline=None, max_examples=15)


def gradient(theta: Any) -> Any:
    """Of Σ (1 − cos 3θᵢ)/3 + θᵢ⁴/40, which has many valleys."""
    xp = torch if isinstance(theta, torch.Tensor) else np
    return xp.sin(3 * theta) + theta**3 / 10


class Batch:
    """The same function, as a rule of scope OBJECTIVE asks for it."""

    def gradient(self, theta, where=None):
        """At other parameters."""
        return gradient(theta)


def path(seed: int) -> np.ndarray:
    """Parameters of 50 steps, (S, 1, P)."""
    return np.random.default_rng(seed).normal(size=(STEPS, 1, 6)).cumsum(axis=0)


# --- the gradient -----------------------------------------------------------------------------------


@given(bound=st.floats(1e-3, 10), seed=st.integers(0, 1000))
@once
def test_clipping_by_value_is_torchs(bound: float, seed: int) -> None:
    for g in path(seed):
        tensor = torch.zeros(1, 6, dtype=torch.float64)
        tensor.grad = torch.tensor(g)
        torch.nn.utils.clip_grad_value_([tensor], bound)
        actual, _ = ClipValue(bound).step(g, None, {}, lr=0.1, t=1)
        np.testing.assert_array_equal(actual, tensor.grad.numpy())


@given(bound=st.floats(1e-3, 10), seed=st.integers(0, 1000))
@once
def test_clipping_by_norm_is_torchs_but_for_its_millionth(bound: float, seed: int) -> None:
    for g in path(seed):
        tensor = torch.zeros(1, 6, dtype=torch.float64)
        tensor.grad = torch.tensor(g)
        torch.nn.utils.clip_grad_norm_([tensor], bound)
        actual, _ = ClipNorm(bound).step(g, None, {}, lr=0.1, t=1)
        scale = np.linalg.norm(g) + 1e-6 if np.linalg.norm(g) > bound - 1e-6 else 1.0
        norm = np.linalg.norm(g) if np.linalg.norm(g) > bound else 1.0
        np.testing.assert_allclose(actual * norm, tensor.grad.numpy() * scale, rtol=1e-9)


@given(share=st.floats(1e-3, 1), seed=st.integers(0, 1000))
@once
def test_adaptive_clipping_is_that_of_pytorch_optimizer(share: float, seed: int) -> None:
    from pytorch_optimizer.optimizer.agc import agc

    for theta, g in zip(path(seed), path(seed + 1), strict=True):
        weights, slopes = theta.reshape(2, 3), g.reshape(2, 3)
        weights = weights * np.array([[1.0], [1e-4]])  # a row that is shorter than ε
        expected = agc(torch.tensor(weights), torch.tensor(slopes), 1e-3, share, eps=0.0)
        actual, _ = ClipAdaptive(share).step(slopes[None], weights[None], {}, lr=0.1, t=1)
        np.testing.assert_allclose(actual[0], expected.numpy(), rtol=1e-9)


def test_adaptive_clipping_leaves_the_output_layer_alone() -> None:
    from harness.model.network import Network

    network = Network((3, 4, 2), "tanh", 0.0, True)
    chosen = [
        ClipAdaptive().for_parameter(network.layers[p.layer], p.shape) for p in network.parameters
    ]
    theta = np.ones((1, 2, 4))
    assert [isinstance(one, ClipAdaptive) for one in chosen] == [True, True, False, False]
    assert chosen[-2].step(9 * theta, theta, {}, lr=0.1, t=1)[0] == pytest.approx(9 * theta)


@given(rho=st.floats(1e-3, 0.5), lr=st.floats(1e-3, 0.05))
@once
def test_sam_is_that_of_pytorch_optimizer(rho: float, lr: float) -> None:
    tensor = torch.tensor(START, requires_grad=True)
    optimizer = pytorch_optimizer.SAM([tensor], torch.optim.SGD, rho=rho, lr=lr)
    wrapper, rule, theta = Sam(rho), Sgd(lr), START[None, :]
    for t in range(1, STEPS + 1):
        g, _ = wrapper.step(gradient(theta), theta, {}, lr=lr, t=t, batch=Batch())
        theta, _ = rule.step(theta, g, {}, lr=lr, t=t)
        tensor.grad = gradient(tensor.detach())
        optimizer.first_step(zero_grad=True)
        tensor.grad = gradient(tensor.detach())
        optimizer.second_step(zero_grad=True)
        expected = tensor.detach().numpy()
        # Theirs adds 1e-12 to the norm, which shows where that is small
        np.testing.assert_allclose(theta[0], expected, rtol=1e-8, atol=1e-8, err_msg=f"{t=}")
        theta = expected[None].copy()  # a path of one's own magnifies rounding


def test_sam_without_a_gradient_stays_where_it_is() -> None:
    theta = np.zeros((1, 6))
    actual, _ = Sam(0.1).step(0 * theta, theta, {}, lr=0.1, t=1, batch=Batch())
    np.testing.assert_array_equal(actual, gradient(theta))


# --- θ ----------------------------------------------------------------------------------------------


@given(lr=st.floats(1e-4, 0.1), decay=st.floats(0, 1))
@once
def test_decoupled_decay_around_adam_is_torchs_adamw(lr: float, decay: float) -> None:
    tensor = torch.tensor(START, requires_grad=True)
    optimizer = torch.optim.AdamW([tensor], lr=lr, weight_decay=decay)
    wrapper, rule, theta = DecoupledDecay(decay), Adam(lr), START[None, :]
    state = rule.init(theta)
    for t in range(1, STEPS + 1):
        g = gradient(theta)
        theta, _ = wrapper.step(theta, g, {}, lr=lr, t=t)
        theta, state = rule.step(theta, g, state, lr=lr, t=t)
        tensor.grad = torch.tensor(g[0])
        optimizer.step()
        np.testing.assert_allclose(theta[0], tensor.detach().numpy(), rtol=1e-10)
        theta = tensor.detach().numpy()[None].copy()


@given(period=st.integers(1, 7), alpha=st.floats(0.05, 0.99), lr=st.floats(1e-3, 0.1))
@once
def test_lookahead_is_that_of_pytorch_optimizer(period: int, alpha: float, lr: float) -> None:
    tensor = torch.tensor(START, requires_grad=True)
    inner = torch.optim.SGD([tensor], lr=lr)
    optimizer = pytorch_optimizer.Lookahead(inner, k=period, alpha=alpha, pullback_momentum="none")
    wrapper, rule, theta = Lookahead(period, alpha), Sgd(lr), START[None, :]
    state = wrapper.init(theta)
    for t in range(1, STEPS + 1):
        theta, _ = rule.step(theta, gradient(theta), {}, lr=lr, t=t)
        theta, state = wrapper.step(theta, None, state, lr=lr, t=t)
        tensor.grad = gradient(tensor.detach())
        optimizer.step()
        np.testing.assert_allclose(theta[0], tensor.detach().numpy(), rtol=1e-9)
        if t % period == 0:
            np.testing.assert_array_equal(wrapper.evaluated(theta, state), theta)


@given(decay=st.floats(0, 0.9999), seed=st.integers(0, 1000))
@once
def test_the_exponential_mean_is_the_sum_that_it_stands_for(decay: float, seed: int) -> None:
    thetas, wrapper = path(seed), Ema(decay)
    state = wrapper.init(thetas[0] + 100)  # where it starts from does not matter
    for t in range(1, STEPS + 1):
        new, state = wrapper.step(thetas[t - 1], None, state, lr=0.1, t=t)
        weights = decay ** np.arange(t - 1, -1, -1.0)
        expected = np.average(thetas[:t], axis=0, weights=weights)
        np.testing.assert_array_equal(new, thetas[t - 1])
        np.testing.assert_allclose(wrapper.evaluated(new, state), expected, rtol=1e-8, atol=1e-9)


@given(start=st.integers(1, 20), period=st.integers(1, 7), seed=st.integers(0, 1000))
@once
def test_stochastic_averaging_is_torchs_averaged_model(start: int, period: int, seed: int) -> None:
    thetas, wrapper = path(seed), Swa(start, period)
    model = torch.nn.Linear(6, 1, bias=False, dtype=torch.float64)
    averaged = torch.optim.swa_utils.AveragedModel(model)
    state = wrapper.init(thetas[0])
    for t, theta in enumerate(thetas, start=1):
        _, state = wrapper.step(theta, None, state, lr=0.1, t=t)
        model.weight.data = torch.tensor(theta)
        if t >= start and (t - start) % period == 0:
            averaged.update_parameters(model)
        expected = theta if t < start else averaged.module.weight.detach().numpy()
        np.testing.assert_allclose(wrapper.evaluated(theta, state), expected, rtol=1e-9, atol=1e-12)
