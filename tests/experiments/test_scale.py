"""How large weights are at the start, and what becomes of the units."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.slow


def test_too_large_weights_saturate_or_diverge(train_preset):
    runs = train_preset("large_weights")
    tanh = [runs.where(network__activation="tanh", initializer__std=s) for s in (0.1, 1.0, 10.0)]
    for layer in (1, 2, 3):
        small, large, huge = (group.values(f"best/saturated/layer{layer}").mean() for group in tanh)
        assert small < 0.1
        assert large > 0.6
        assert huge > 0.95
    small, large, huge = (group.values("test/accuracy") for group in tanh)
    assert small.min() > 0.93
    assert large.max() < 0.75
    assert huge.max() < 0.65
    relu = runs.where(network__activation="relu")
    assert relu.where(initializer__std=0.1).values("test/accuracy").min() > 0.9
    for std in (1.0, 10.0):
        assert {run.status for run in relu.where(initializer__std=std)} == {"diverged"}


@pytest.mark.full
def test_a_very_deep_relu_network_needs_he(train_preset):
    runs = train_preset("deep_relu")
    for rate in (0.001, 0.003):
        he = runs.where(initializer="he_normal", optimizer__lr=rate)
        glorot = runs.where(initializer="glorot_normal", optimizer__lr=rate)
        assert he.values("best/train/loss").max() < 1.2
        assert he.values("test/accuracy").mean() > 0.7
        assert glorot.values("best/train/loss").min() > 0.98 * np.log(10)
        assert glorot.values("test/accuracy").max() < 0.3


@pytest.mark.full
def test_a_deep_tanh_network_learns_faster_from_glorot(train_preset):
    runs = train_preset("deep_tanh")
    for rate in (0.01, 0.03, 0.1):
        glorot = runs.where(initializer="glorot_uniform", optimizer__lr=rate)
        heuristic = runs.where(initializer="fan_in_uniform", optimizer__lr=rate)
        # Measured: 1/6, 1/4.5 and 1/3
        ratio = glorot.values("best/train/loss") / heuristic.values("best/train/loss")
        assert ratio.max() < 0.6
        assert glorot.values("test/accuracy").mean() > heuristic.values("test/accuracy").mean()
    at_low_rate = runs.where(optimizer__lr=0.01)
    glorot = at_low_rate.where(initializer="glorot_uniform").values("test/accuracy")
    heuristic = at_low_rate.where(initializer="fan_in_uniform").values("test/accuracy")
    assert (glorot - heuristic).min() > 0.1


@pytest.mark.full
def test_units_die_and_what_keeps_them_alive(train_preset):
    runs = train_preset("dying_units")

    def group(activation, bias):
        return runs.where(network__activation=activation, bias_initializer__value=bias)

    def collapsed(runs):
        """Runs that tell nothing: half of the samples are of either class."""
        return np.sum(runs.values("test/accuracy") < 0.6)

    plain, biased, leaky = group("relu", 0.0), group("relu", 0.1), group("leaky_relu", 0.0)
    assert collapsed(plain) >= 2
    assert collapsed(biased) <= collapsed(plain) - 2
    assert collapsed(leaky) == 0
    for run in plain:
        if run.metrics["test/accuracy"] < 0.6:  # because a whole layer is dead
            assert max(v for n, v in run.metrics.items() if n.startswith("best/dead/")) == 1
    dead = [
        np.mean([g.values(f"best/dead/layer{n}") for n in range(1, 7)]) for g in (plain, biased)
    ]
    assert dead[1] < 0.6 * dead[0]
