"""The gradient of the PyTorch backend against finite differences of the objective."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from harness import Forward
from harness.model.network import ACTIVATIONS, Network
from harness.model.objective import Objective, Term
from harness_losses import (
    ConfidencePenalty,
    HiddenL1,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
    SquaredError,
)
from harness_torch import Torch

BACKEND = Torch(dtype="float64", device="cpu")
RUNS, SAMPLES = 2, 5
SIZES = {0: (3, 4), 1: (3, 5, 4), 2: (3, 5, 4, 4), 3: (3, 4, 5, 3, 4)}
LOSSES = [SoftmaxCrossEntropy, SigmoidCrossEntropy, SquaredError]


def problem(depth, activation, shared, *, bias=True, runs=RUNS, scale=1.0, seed=0):
    """A network with θ, x and targets that suit every loss."""
    rng = np.random.default_rng([seed, depth])
    network = Network(SIZES[depth], activation, 0.1, bias)
    theta = rng.normal(size=(runs, network.size)) * scale
    batch = (SAMPLES,) if shared else (runs, SAMPLES)
    x = rng.normal(size=(*batch, 3))
    target = np.eye(4)[rng.integers(0, 4, batch)]
    return network, theta, x, target


def full(loss, runs=RUNS):
    """Every kind of term, with other factors in each run."""
    return Objective(
        "main",
        loss(),
        (
            Term("confidence", ConfidencePenalty(), np.linspace(0.1, 0.3, runs)),
            Term("sparse", HiddenL1(), np.linspace(0.2, 0.1, runs)),
        ),
        np.linspace(0.01, 0.02, runs),
    )


def central_differences(program, objective, theta, x, target, h=1e-5):
    """(ℒ(θ + h eₚ) − ℒ(θ − h eₚ)) / 2h for each parameter p, all runs at once."""
    placed = objective.map_factors(BACKEND.to_device)

    def total(values):
        values, inputs, targets = map(BACKEND.to_device, (values, x, target))
        terms = placed.terms(program.forward(values, inputs), targets, values)
        return BACKEND.to_host(sum(terms.values()))

    gradient = np.empty_like(theta)
    for p in range(theta.shape[1]):
        moved = theta.copy()
        moved[:, p] = theta[:, p] + h
        above = total(moved)
        moved[:, p] = theta[:, p] - h
        gradient[:, p] = (above - total(moved)) / (2 * h)
    return gradient


def gradient_of(objective, network, theta, x, target):
    program = BACKEND.bind(network, objective)
    forward, gradient = program.gradient(*map(BACKEND.to_device, (theta, x, target)))
    return program, forward, BACKEND.to_host(gradient)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("depth", SIZES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_gradient_is_that_of_the_objective(activation, depth, loss):
    shared = depth % 2 == 0
    network, theta, x, target = problem(depth, activation, shared)
    objective = Objective("main", loss())

    program, _, gradient = gradient_of(objective, network, theta, x, target)

    expected = central_differences(program, objective, theta, x, target)
    np.testing.assert_allclose(gradient, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("loss", [SoftmaxCrossEntropy, SigmoidCrossEntropy])
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("depth", SIZES)
def test_every_term_of_the_objective_is_in_the_gradient(depth, bias, shared, loss):
    network, theta, x, target = problem(depth, "tanh", shared, bias=bias)
    objective = full(loss)

    program, _, gradient = gradient_of(objective, network, theta, x, target)

    expected = central_differences(program, objective, theta, x, target)
    np.testing.assert_allclose(gradient, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("depth", SIZES)
def test_autograd_through_the_terms_gives_the_same(depth):
    network, theta, x, target = problem(depth, "gelu", shared=False)
    objective = full(SoftmaxCrossEntropy)
    _, _, gradient = gradient_of(objective, network, theta, x, target)
    leaf = BACKEND.to_device(theta).requires_grad_()
    layers = network.views(leaf)

    h, hidden = BACKEND.to_device(x), []
    for number, (w, b) in enumerate(layers):
        a = torch.einsum("rbf,ruf->rbu", h, w) + b[:, None]
        h = a if number == len(layers) - 1 else torch.nn.functional.gelu(a)
        hidden.append(h)
    forward = Forward(h, tuple(hidden[:-1]))
    terms = objective.map_factors(BACKEND.to_device).terms(forward, BACKEND.to_device(target), leaf)
    sum(terms.values()).sum().backward()

    np.testing.assert_allclose(gradient, leaf.grad.numpy(), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_stack_computes_what_its_runs_compute_alone(activation, shared):
    network, theta, x, target = problem(2, activation, shared, runs=4)
    objective = full(SoftmaxCrossEntropy, runs=4)
    _, forward, gradient = gradient_of(objective, network, theta, x, target)

    for r in range(4):
        part = (x, target) if shared else (x[[r]], target[[r]])
        alone = gradient_of(objective.rows(np.array([r])), network, theta[[r]], *part)

        np.testing.assert_allclose(gradient[[r]], alone[2], rtol=1e-12, atol=1e-14)
        output = BACKEND.to_host(alone[1].output)
        np.testing.assert_allclose(BACKEND.to_host(forward.output)[[r]], output, rtol=1e-12)


def test_a_diverged_run_does_not_touch_its_neighbours():
    network, theta, x, target = problem(2, "relu", shared=True, runs=3)
    objective = full(SoftmaxCrossEntropy, runs=3)
    _, _, before = gradient_of(objective, network, theta, x, target)
    theta[1] = np.nan

    _, _, after = gradient_of(objective, network, theta, x, target)

    np.testing.assert_array_equal(before[[0, 2]], after[[0, 2]])
    assert np.isnan(after[1]).any()


def test_the_same_call_twice_is_bitwise_equal():
    network, theta, x, target = problem(3, "silu", shared=False)
    objective = full(SoftmaxCrossEntropy)

    first, second = (gradient_of(objective, network, theta, x, target)[2] for _ in range(2))

    np.testing.assert_array_equal(first, second)


def test_the_forward_pass_of_the_gradient_is_the_forward_pass():
    network, theta, x, target = problem(2, "elu", shared=False)
    program, kept, _ = gradient_of(full(SoftmaxCrossEntropy), network, theta, x, target)

    plain = program.forward(BACKEND.to_device(theta), BACKEND.to_device(x))

    for expected, actual in zip(
        (plain.output, *plain.hidden), (kept.output, *kept.hidden), strict=True
    ):
        assert not actual.requires_grad
        torch.testing.assert_close(expected, actual, rtol=0, atol=0)
    assert [tuple(h.shape) for h in kept.hidden] == [(RUNS, SAMPLES, 5), (RUNS, SAMPLES, 4)]
    assert tuple(kept.output.shape) == (RUNS, SAMPLES, 4)


def test_without_a_hidden_layer_the_outputs_are_affine():
    network, theta, x, _ = problem(0, "relu", shared=True)
    w, b = network.views(theta)[0]

    output = BACKEND.bind(network, full(SquaredError)).forward(
        BACKEND.to_device(theta), BACKEND.to_device(x)
    )

    expected = np.einsum("bf,ruf->rbu", x, w) + b[:, None]
    np.testing.assert_allclose(BACKEND.to_host(output.output), expected, rtol=1e-13)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_large_inputs_give_finite_gradients(activation):
    network, theta, x, target = problem(2, activation, shared=True, scale=30.0)

    _, _, gradient = gradient_of(full(SoftmaxCrossEntropy), network, theta, 100 * x, target)

    assert np.isfinite(gradient).all()
