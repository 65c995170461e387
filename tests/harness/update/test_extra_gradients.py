"""Gradients of a batch at other points, and the signs that go with them."""

from __future__ import annotations

import numpy as np
import pytest

from harness.model.network import Network
from harness.model.objective import Objective
from harness.randomness import signs
from harness.testing.fixtures.problem import SquaredError
from harness.update.extra_gradients import BatchObjective, Quadratic

NETWORK = Network((3, 4, 2), "tanh", 0.0, True)
RUNS = 3


@pytest.fixture(params=["numpy", "torch"])
def backend(request, registry):
    if request.param == "torch":
        pytest.importorskip("torch")
    return registry.component("backend", request.param)(dtype="float64")


class Counting:
    """A program that counts its gradients."""

    def __init__(self, program) -> None:
        self.program, self.gradients = program, 0

    def gradient(self, theta, x, target):
        self.gradients += 1
        return self.program.gradient(theta, x, target)


@pytest.fixture
def batch(backend):
    rng = np.random.default_rng(0)
    program = Counting(backend.bind(NETWORK, Objective("squared_error", SquaredError())))
    samples = tuple(backend.to_device(rng.normal(size=(RUNS, 5, n))) for n in (3, 2))
    start = tuple(backend.to_device(rng.normal(size=(RUNS, NETWORK.size))) for _ in range(2))
    drawn, taken = [(7, 1), (8, 1), (7, 2)], np.zeros(RUNS, int)
    return BatchObjective(program, backend, samples, start, drawn, taken)


def test_the_gradient_elsewhere_is_that_of_differences(backend, batch):
    theta = np.random.default_rng(1).normal(size=(RUNS, NETWORK.size))
    x, target = map(backend.to_host, batch._samples)

    def loss(theta):
        forward = batch._program.program.forward(*map(backend.to_device, (theta, x)))
        return ((backend.to_host(forward.output) - target) ** 2).mean(axis=(1, 2))

    expected = np.empty_like(theta)
    for index in range(NETWORK.size):
        step = np.zeros_like(theta)
        step[:, index] = 1e-6
        expected[:, index] = (loss(theta + step) - loss(theta - step)) / 2e-6

    np.testing.assert_allclose(
        backend.to_host(batch.gradient(backend.to_device(theta))), expected, rtol=1e-6, atol=1e-8
    )


def test_two_gradients_are_two_arrays(backend, batch):
    gradient = batch.gradient(backend.to_device(np.ones((RUNS, NETWORK.size))))
    before = backend.to_host(gradient)
    batch.gradient(backend.to_device(np.zeros((RUNS, NETWORK.size))))

    np.testing.assert_array_equal(backend.to_host(gradient), before)


def test_runs_that_want_no_gradient_get_zeros_and_nothing_is_computed_for_none(backend, batch):
    theta = backend.to_device(np.ones((RUNS, NETWORK.size)))
    whole = backend.to_host(batch.gradient(theta))
    some = batch.gradient(theta, backend.to_device(np.array([[True], [False], [True]])))
    before = batch._program.gradients
    none = batch.gradient(theta, backend.to_device(np.zeros((RUNS, 1), bool)))

    assert np.abs(whole).min(axis=1).all()
    np.testing.assert_array_equal(backend.to_host(some)[[0, 2]], whole[[0, 2]])
    assert not backend.to_host(some)[1].any()
    assert not backend.to_host(none).any()
    assert batch._program.gradients == before
    np.testing.assert_array_equal(batch._extra_gradients, [2, 1, 2])  # the whole, and some


def test_where_a_run_began_its_gradient_is_known(backend, batch):
    """Run by run; the others are computed."""
    start, start_gradient = map(backend.to_host, batch._start)
    elsewhere = start.copy()
    elsewhere[1, 0] += 1e-12
    gradients = backend.to_host(batch.gradient(backend.to_device(elsewhere)))
    np.testing.assert_array_equal(gradients[[0, 2]], start_gradient[[0, 2]])
    assert np.abs(gradients[1] - start_gradient[1]).max() > 0.1  # which was made up
    np.testing.assert_array_equal(batch._extra_gradients, [0, 1, 0])

    some = batch.gradient(batch._start[0], backend.to_device(np.array([[True], [True], [False]])))
    some += 1.0
    again = backend.to_host(batch.gradient(batch._start[0]))
    np.testing.assert_array_equal(backend.to_host(some)[2], 1.0)
    np.testing.assert_array_equal(again, start_gradient)
    assert batch._program.gradients == 1


def test_signs_are_those_of_the_run_and_its_step(backend, batch):
    drawn = backend.to_host(batch.signs())
    some = backend.to_host(batch.signs(backend.to_device(np.array([[False], [True], [True]]))))

    for row, (seed, step) in enumerate([(7, 1), (8, 1), (7, 2)]):
        np.testing.assert_array_equal(drawn[row], signs(seed, step, NETWORK.size))
    np.testing.assert_array_equal(some[1:], drawn[1:])
    assert not some[0].any()


def test_a_valley_is_half_the_square_around_its_centre():
    theta, centre = np.array([[1.0, 2.0, 3.0]]), np.array([[1.0, 0.0, 0.0]])
    valley = Quadratic(theta, centre)

    np.testing.assert_array_equal(valley.gradient(theta), [[0.0, 2.0, 3.0]])
    np.testing.assert_array_equal(valley.signs(), [[1.0, -1.0, 1.0]])
    assert not valley.gradient(theta, np.array([[False]])).any()
