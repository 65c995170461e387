"""LSUV, and what the core does for any initializer that looks at data."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from harness import Layer
from harness.data.on_device import DeviceData
from harness.data.preparing import prepare
from harness.errors import BrokenPromise
from harness.randomness import order
from harness.training.loop import train
from harness.training.records import Began
from harness.training.setup import network_of
from harness.training.stack import Stack
from harness_initializers import Lsuv

LSUV = ("initializer=lsuv", "dataset=digits", "network.hidden=[31,64,17]", "seed=3")


def data_of(run: Any) -> Any:
    config = run.config
    activation = config.loss.output_activation
    return prepare(config.dataset.load(), config.dataset.task, activation, config.split)


def start_of(*runs: Any) -> np.ndarray:
    """θ as the loop reports it before the first step, (R, P)."""
    first = next(iter(train(runs, DeviceData(runs[0].config.backend, data_of(runs[0])))))
    assert isinstance(first, Began)
    return first.theta


@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid"])
@pytest.mark.parametrize("bias", ["zeros", "constant"])
def test_every_layer_puts_out_variance_1(run_of: Any, activation: str, bias: str) -> None:
    """On the first 256 rows of the first epoch, by a forward pass of the test; still orthogonal."""
    run = run_of(*LSUV, f"network.activation={activation}", f"bias_initializer={bias}")
    part = data_of(run).train
    h = part.features[order(3, 1, len(part))[:256]].astype(np.float64)
    squash = {
        "tanh": np.tanh,
        "relu": lambda a: np.maximum(a, 0),
        "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
    }[activation]
    network = network_of(run, data_of(run))
    for weight, b in network.views(start_of(run)):
        a = h @ weight[0].T
        assert np.var(a) == pytest.approx(1, rel=1e-12)
        h = squash(a + b[0])
        w = weight[0] if weight.shape[1] <= weight.shape[2] else weight[0].T
        gram = w @ w.T
        np.testing.assert_allclose(gram, gram[0, 0] * np.eye(len(gram)), atol=1e-12)


def test_the_start_is_the_runs_own(run_of: Any) -> None:
    """The same bits whatever the optimizer, batch size, precision, backend and stack."""
    pytest.importorskip("torch")
    plain = start_of(run_of(*LSUV))
    for override in (
        "optimizer=sgd",
        "training.batch_size=7",
        "training.batch_size=full",
        "backend.dtype=float64",
        "backend=torch",
    ):
        np.testing.assert_array_equal(start_of(run_of(*LSUV, override)), plain, err_msg=override)
    runs_of_other_seeds = [run_of(*LSUV[:-1], f"seed={seed}") for seed in (4, 5)]
    runs_of_other_seeds.append(run_of(*LSUV[1:], "initializer=he_normal"))
    stack = start_of(runs_of_other_seeds[0], run_of(*LSUV), *runs_of_other_seeds[1:])
    np.testing.assert_array_equal(stack[1], plain[0])
    assert not np.array_equal(stack[0], plain[0])


@pytest.mark.parametrize("stack_size", [None, 2])
def test_a_stack_trains_each_run_as_alone(run_of: Any, fit: Any, stack_size: int | None) -> None:
    common = ("dataset=iris", "training.max_epochs=3", "network.hidden=[9,7]")
    runs = [
        run_of(*common, "initializer=lsuv", "seed=1"),
        run_of(*common, "initializer=orthogonal", "seed=1"),
        run_of(*common, "initializer=lsuv", "seed=2", "bias_initializer=constant"),
        run_of(*common, "initializer=lsuv", "seed=1", "optimizer=sgd", "training.max_epochs=1"),
    ]
    together = fit(*runs, stack_size=stack_size)
    for position, run in enumerate(runs):
        alone = fit(run).ended[0]
        np.testing.assert_array_equal(alone.theta, together.ended[position].theta)


def test_a_layer_that_puts_out_one_value_is_left_as_it_is() -> None:
    layer = Layer(0, 2, 5, 3, "relu")
    weights = Lsuv().sample((3, 5), layer, np.random.default_rng(0))
    adjusted = Lsuv().adjusted(weights, layer, np.zeros((10, 5)))
    np.testing.assert_array_equal(adjusted, weights)
    assert adjusted is not weights


def test_what_is_not_weights_is_the_fault_of_the_initializer(run_of: Any) -> None:
    @dataclasses.dataclass(frozen=True)
    class Faulty(Lsuv):
        """Divides by nothing."""

        def adjusted(self, weights: np.ndarray, layer: Layer, inputs: np.ndarray) -> np.ndarray:
            return weights / np.zeros(1)

    run = run_of(*LSUV)
    run = dataclasses.replace(run, config=dataclasses.replace(run.config, initializer=Faulty()))
    with pytest.raises(BrokenPromise, match=r"Faulty: adjusted must return finite numbers. \d+ of"):
        start_of(run)


def test_a_stack_without_data_starts_all_others(run_of: Any) -> None:
    """Data are needed only for initializers that look at them."""
    run = run_of("dataset=iris")
    network = network_of(run, data_of(run))
    features = data_of(run).train.features
    with_data = Stack((run,)).initial_theta(network, features)
    np.testing.assert_array_equal(Stack((run,)).initial_theta(network), with_data)
