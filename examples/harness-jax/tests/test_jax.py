"""The program against finite differences, and one rule against its formula."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

jax = pytest.importorskip("jax", reason="JAX is not installed")

from harness import (
    Block,
    ConfigurationError,
    Network,
    Objective,
    Scope,
    Step,
    Turn,
    array_namespace,
)
from harness_jax import Jax

BACKEND = Jax(dtype="float64", device="cpu")
RUNS, SAMPLES, BATCH = 5, 7, 3


@dataclass(frozen=True)
class Squares:
    """Mean of squares."""

    tasks: ClassVar = frozenset()
    default_for: ClassVar = frozenset()
    output_activation: ClassVar = "identity"

    def value(self, output, target):
        """See harness.Loss."""
        return array_namespace(output).mean((output - target) ** 2, axis=(-2, -1))

    def gradient(self, output, target):
        """See harness.Loss."""
        return 2 * (output - target) / (output.shape[-2] * output.shape[-1])


@dataclass(frozen=True)
class Descent:
    """θ ← θ − η∇ℒ."""

    lr: float = 0.1
    scope: ClassVar = Scope.ELEMENT

    def init(self, theta):
        """No state."""
        return {}

    def step(self, theta, gradient, state, *, lr, t):
        """See harness.Optimizer."""
        return theta - lr * gradient, state


@dataclass(frozen=True)
class Bounded:
    """Around a rule: its gradient is no longer than a bound."""

    bound: float = 0.5
    scope: ClassVar = Scope.VECTOR
    turn: ClassVar = Turn.GRADIENT

    def init(self, theta):
        """No state."""
        return {}

    def step(self, gradient, theta, state, *, lr, t):
        """See harness.Wrapper."""
        norm = (gradient * gradient).sum(axis=-1, keepdims=True) ** 0.5
        return gradient / array_namespace(gradient).clip(norm / self.bound, 1.0, None), state


@pytest.fixture
def problem():
    """A network, an objective with decay, θ, and data."""
    rng = np.random.default_rng(0)
    network = Network((4, 5, 3, 2), "tanh", 0.0, True)
    objective = Objective("squares", Squares(), (), rng.uniform(0.1, 0.2, RUNS))
    theta = rng.normal(size=(RUNS, network.size))
    return network, objective, theta, rng.normal(size=(SAMPLES, 4)), rng.normal(size=(SAMPLES, 2))


def loss(problem, theta):
    """ℒ of each run, (R,), by NumPy."""
    network, objective, _, x, target = problem
    h = x
    *inner, (weight, bias) = network.views(theta)
    for w, b in inner:
        h = np.tanh(h @ w.swapaxes(1, 2) + b[:, None])
    output = h @ weight.swapaxes(1, 2) + bias[:, None]
    decay = objective.weight_decay * (theta**2).sum(axis=1)
    return ((output - target) ** 2).mean(axis=(1, 2)) + decay


def slope(problem, theta):
    """∂ℒ/∂θ by central differences."""
    differences = np.empty_like(theta)
    for number in range(theta.shape[1]):
        step = np.zeros_like(theta)
        step[:, number] = 1e-6
        differences[:, number] = (loss(problem, theta + step) - loss(problem, theta - step)) / 2e-6
    return differences


@pytest.mark.parametrize("shared", [True, False])
def test_the_gradient_is_that_of_finite_differences(problem, shared):
    network, objective, theta, x, target = problem
    if not shared:
        x, target = (np.stack([part] * RUNS) for part in (x, target))
    program = BACKEND.bind(network, objective)

    forward, gradient = program.gradient(theta, x, target)

    np.testing.assert_allclose(gradient, slope(problem, theta), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(forward.output, program.forward(theta, x).output, rtol=1e-13)
    assert [h.shape for h in forward.hidden] == [(RUNS, SAMPLES, 5), (RUNS, SAMPLES, 3)]


@pytest.mark.parametrize("wrapped", [False, True])
def test_an_epoch_of_one_batch_is_one_step_by_the_formula(problem, wrapped):
    network, objective, theta, x, target = problem
    lr = np.linspace(0.01, 0.1, RUNS)[None]
    blocks = [Block(slice(0, RUNS), Descent())]
    if wrapped:
        blocks = [Block(slice(0, RUNS), Bounded(), Turn.GRADIENT), *blocks]
    run = BACKEND.compiled(Step(network, objective, blocks, SAMPLES), x, target, 1)
    order = np.random.default_rng(1).permutation(SAMPLES)

    new, _, sums = run(theta.copy(), [[{}] for _ in blocks], order, lr, np.ones((RUNS, 1)))

    gradient = slope(problem, theta)
    if wrapped:
        norm = np.linalg.norm(gradient, axis=1, keepdims=True)
        gradient /= np.maximum(norm / 0.5, 1)
    np.testing.assert_allclose(new, theta - lr.T * gradient, rtol=1e-7, atol=1e-9)
    assert list(sums) == ["squares", "weight_decay"]
    np.testing.assert_allclose(sum(sums.values()) / SAMPLES, loss(problem, theta), rtol=1e-12)


def test_an_epoch_in_batches_is_step_after_step(problem):
    network, objective, theta, x, target = problem
    lr = np.full((3, RUNS), 0.05)
    blocks = [Block(slice(0, RUNS), Descent())]
    run = BACKEND.compiled(Step(network, objective, blocks, BATCH), x, target, 1)
    order = np.stack([np.random.default_rng(seed).permutation(SAMPLES) for seed in range(RUNS)])

    new, _, _ = run(theta.copy(), [[{}]], order, lr, np.ones((RUNS, 1)))

    program, expected = BACKEND.bind(network, objective), theta.copy()
    for start in range(0, SAMPLES, BATCH):  # the last batch is of one sample
        rows = order[:, start : start + BATCH]
        expected = expected - 0.05 * program.gradient(expected, x[rows], target[rows])[1]
    np.testing.assert_allclose(new, expected, rtol=1e-12)


def test_double_precision_stays_with_the_backend(problem):
    network, objective, theta, x, _ = problem
    before = jax.config.jax_enable_x64
    output = BACKEND.bind(network, objective).forward(theta, x).output
    assert output.dtype == np.float64
    assert jax.config.jax_enable_x64 == before


def test_what_is_not_allowed_is_refused():
    with pytest.raises(ConfigurationError, match="'dtype' of Jax"):
        Jax(dtype="float16")
    with pytest.raises(ConfigurationError, match="'device' of Jax"):
        Jax(device="tpu")
