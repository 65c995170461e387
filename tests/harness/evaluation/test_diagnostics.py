"""Shares of saturated and dead units, against activations that are written down."""

from __future__ import annotations

import numpy as np
import pytest

from harness.contracts import Forward
from harness.evaluation.diagnostics import UnitMeter


class Host:
    """Its arrays are the host's already."""

    def to_host(self, array):
        return array


def shares(activation, *batches):
    meter = UnitMeter(activation)
    for hidden in batches:
        meter.add(Forward(np.zeros((*hidden[0].shape[:2], 3)), hidden))
    return meter.shares(Host())


def test_tanh_is_saturated_where_its_derivative_is_below_a_twentieth():
    a = np.array([[[-3.0, -2.1], [0.0, 2.2]], [[0.1, 0.2], [0.3, 9.0]]])  # (2 runs, 2 samples, 2)
    slopes = 1 / np.cosh(a) ** 2
    (saturated,) = shares("tanh", (np.tanh(a),)).values()
    assert saturated == pytest.approx((slopes < 0.05).mean(axis=(1, 2)))
    assert saturated.tolist() == [0.5, 0.25]


def test_the_sigmoid_is_saturated_at_the_same_point_of_its_curve():
    a = np.linspace(-8, 8, 64).reshape(1, 16, 4)
    h = 1 / (1 + np.exp(-a))
    (saturated,) = shares("sigmoid", (h,)).values()
    assert saturated == (h * (1 - h) < 0.25 / 20).mean()
    assert saturated == shares("tanh", (np.tanh(a / 2),))["saturated/layer1"]


def test_a_unit_is_dead_if_it_never_fires_in_any_batch():
    first = np.zeros((2, 3, 4))
    second = np.zeros((2, 5, 4))
    first[0, 1, 0] = 1.0  # run 0: units 0 and 2 fire, one in each batch
    second[0, 4, 2] = 0.1
    second[1, 0, :] = 1.0  # run 1: all do
    assert shares("relu", (first,), (second,))["dead/layer1"].tolist() == [0.5, 0.0]


def test_layers_are_numbered_and_other_activations_have_no_share():
    hidden = (np.zeros((1, 2, 3)), np.ones((1, 2, 5)))
    assert shares("relu", hidden) == {"dead/layer1": 1, "dead/layer2": 0}
    assert shares("leaky_relu", hidden) == {}
    assert UnitMeter("relu").shares(Host()) == {}


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_a_run_logs_the_shares_of_its_restored_parameters(run_of, fit, activation):
    from harness.data.preparing import prepare

    run = run_of(
        "dataset=iris",
        f"network.activation={activation}",
        "network.hidden=[8,4]",
        "training.max_epochs=3",
        "initializer=normal",
        "initializer.std=2",
    )
    ended = fit(run).ended[0]
    config = run.config
    data = prepare(config.dataset.load(), config.dataset.task, "softmax", config.split)
    h, expected = data.train.features.astype(np.float32), {}
    layers = config.network.sized(data.features, data.outputs).views(ended.theta[None])
    for number, (weight, bias) in enumerate(layers[:-1], start=1):
        a = h @ weight[0].T + bias[0]
        if activation == "relu":
            h = np.maximum(a, 0)
            expected[f"best/dead/layer{number}"] = np.mean(h.max(axis=0) == 0)
        else:
            h = np.tanh(a)
            expected[f"best/saturated/layer{number}"] = np.mean(np.abs(h) > np.sqrt(0.95))
    logged = {n: v for n, v in ended.metrics.items() if "dead" in n or "saturated" in n}
    assert logged == pytest.approx(expected)
    assert len(logged) == 2
