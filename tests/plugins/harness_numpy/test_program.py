"""The written-out back-propagation against central differences of the combined loss."""

from __future__ import annotations

import numpy as np
import pytest

from harness.model.mlp import Mlp
from harness.model.network import ACTIVATIONS
from harness.model.objective import Objective, Term
from harness_numpy import Numpy

LOSSES = [
    "softmax_cross_entropy",
    "sigmoid_cross_entropy",
    "squared_error",
    "absolute_error",
    "huber",
]
RUNS, BATCH, FEATURES, OUTPUTS = 2, 4, 3, 3


def differences(f, theta):
    """∂f_r/∂θ_r for a function of (R, P) with values (R,): runs do not mix, so all are moved at once."""
    gradient = np.empty_like(theta)
    for place in range(theta.shape[1]):
        step = np.zeros_like(theta)
        step[:, place] = 1e-6
        gradient[:, place] = (f(theta + step) - f(theta - step)) / 2e-6
    return gradient


def problem(registry, loss, hidden, activation, *, bias=True, shared=False, auxiliary=()):
    rng = np.random.default_rng(7)
    network = Mlp(hidden, activation, slope=0.1, bias=bias).sized(FEATURES, OUTPUTS)
    objective = Objective(
        name=loss,
        loss=registry.component("loss", loss)(),
        auxiliary=tuple(
            Term(name, registry.component("auxiliary_loss", name)(), np.array([0.3, 0.7]))
            for name in auxiliary
        ),
        weight_decay=np.array([0.05, 0.2]) if auxiliary else None,
    )
    theta = 0.7 * rng.normal(size=(RUNS, network.size))
    x = rng.normal(size=(BATCH, FEATURES) if shared else (RUNS, BATCH, FEATURES))
    shape = (BATCH,) if shared else (RUNS, BATCH)
    classes = rng.integers(0, OUTPUTS, shape)
    target = {
        "softmax_cross_entropy": np.eye(OUTPUTS)[classes],
        "sigmoid_cross_entropy": rng.integers(0, 2, (*shape, OUTPUTS)).astype(float),
    }.get(loss, rng.normal(size=(*shape, OUTPUTS)))
    program = Numpy(dtype="float64").bind(network, objective)
    placed = objective.map_factors(np.array)

    def total(at):
        terms = placed.terms(program.forward(at, x), target, at)
        return sum(terms.values())

    return program, total, theta, x, target


@pytest.mark.parametrize("hidden", [[], [4], [4, 3], [3, 4, 2]], ids=["0", "1", "2", "3"])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_loss_and_depth(registry, activation, loss, hidden):
    program, total, theta, x, target = problem(registry, loss, hidden, activation)
    _, gradient = program.gradient(theta, x, target)
    np.testing.assert_allclose(gradient, differences(total, theta), rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_all_terms_together(registry, bias, shared):
    program, total, theta, x, target = problem(
        registry,
        "softmax_cross_entropy",
        [5, 4],
        "tanh",
        bias=bias,
        shared=shared,
        auxiliary=("confidence_penalty", "z_loss", "hidden_l1"),
    )
    _, gradient = program.gradient(theta, x, target)
    np.testing.assert_allclose(gradient, differences(total, theta), rtol=1e-5, atol=1e-8)


def test_shared_batch_is_the_same_batch_for_each_run(registry):
    program, _, theta, x, target = problem(
        registry, "softmax_cross_entropy", [4], "relu", shared=True
    )
    _, shared = program.gradient(theta, x, target)
    shared = shared.copy()
    batch_of_each = np.repeat(x[None], RUNS, axis=0), np.repeat(target[None], RUNS, axis=0)
    _, gradient = program.gradient(theta, *batch_of_each)
    np.testing.assert_array_equal(gradient, shared)


def test_without_hidden_activation_the_network_is_one_affine_map(registry):
    """The course: a composition of affine maps is affine."""
    program, _, theta, x, _ = problem(registry, "squared_error", [5, 4], "identity")
    f = program.forward(theta, x).output
    origin = program.forward(theta, np.zeros_like(x)).output
    double = program.forward(theta, 2 * x).output
    np.testing.assert_allclose(double - origin, 2 * (f - origin), rtol=1e-12, atol=1e-12)
