"""Weights that are all zero, or all the same."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.slow


def test_zero_weights_do_not_learn(train_preset):
    runs = train_preset("zero_weights")
    for activation in ("relu", "tanh"):
        for run in runs.where(initializer="zeros", network__activation=activation):
            parameters = run.parameters
            assert not parameters["layer1.weight"].any()
            assert not parameters["layer1.bias"].any()
            assert not parameters["layer2.weight"].any()
            assert parameters["layer2.bias"].any()
            # The entropy of ten equal classes: only the output bias has learnt
            assert run.metrics["best/train/loss"] == pytest.approx(np.log(10), abs=0.01)
            assert run.metrics["test/accuracy"] < 0.15
    for run in runs.where(initializer="zeros", network__activation="sigmoid"):
        assert run.parameters["layer1.weight"].any()
        assert _spread(run) < 1e-6
        assert run.metrics["test/accuracy"] < 0.5
    assert runs.where(initializer="glorot_uniform").values("test/accuracy").min() > 0.85


@pytest.mark.full
def test_constant_weights_leave_the_hidden_units_identical(train_preset):
    runs = train_preset("constant_weights")
    for optimizer in ("sgd", "adam"):
        constant = runs.where(initializer="constant", optimizer=optimizer)
        control = runs.where(initializer="glorot_uniform", optimizer=optimizer)
        # Rounding alone may tell them apart, by far less
        assert max(map(_spread, constant)) < 1e-4
        assert min(map(_spread, control)) > 0.5
        assert constant.values("test/accuracy").max() < 0.5
        assert control.values("test/accuracy").min() > 0.85


def _spread(run) -> float:
    """How far the weights into and out of the hidden units are from those of the first one."""
    into, out = run.parameters["layer1.weight"], run.parameters["layer2.weight"].T
    return max(np.abs(into - into[0]).max(), np.abs(out - out[0]).max())
