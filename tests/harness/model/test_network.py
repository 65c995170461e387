from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import BrokenPromise, ConfigurationError
from harness.model.mlp import Mlp

sizes = st.lists(st.integers(1, 7), max_size=3)


@settings(deadline=None, max_examples=50)
@given(hidden=sizes, features=st.integers(1, 5), outputs=st.integers(1, 4), bias=st.booleans())
def test_layout_covers_theta_once_and_views_share_its_memory(hidden, features, outputs, bias):
    network = Mlp(hidden, bias=bias).sized(features, outputs)
    widths = [features, *hidden, outputs]
    expected = sum((n + bias) * m for n, m in pairwise(widths))
    assert network.size == expected
    theta = np.zeros((2, network.size))
    for number, (weight, b) in enumerate(network.views(theta), start=1):
        weight[...] = number
        assert weight.shape == (2, widths[number], widths[number - 1])
        if b is not None:
            b[...] = number
            assert b.shape == (2, widths[number])
        assert (b is None) is not bias
    assert (theta > 0).all()


def test_parameters_are_in_the_order_of_the_layers():
    names = [parameter.name for parameter in Mlp([3]).sized(2, 1).parameters]
    assert names == ["layer1.weight", "layer1.bias", "layer2.weight", "layer2.bias"]


def test_layers_tell_initializers_their_fans_and_activation():
    first, last = Mlp([3], activation="tanh").sized(2, 4).layers
    assert (first.fan_in, first.fan_out, first.activation) == (2, 3, "tanh")
    assert (last.fan_in, last.fan_out, last.activation, last.depth) == (3, 4, "identity", 2)


def test_an_initializer_with_the_wrong_shape_is_named():
    class Wrong:
        def sample(self, shape, layer, rng):
            return np.zeros(7)

    network = Mlp([3]).sized(2, 1)
    rngs = [np.random.default_rng(0)] * 2
    with pytest.raises(BrokenPromise, match=r"Wrong: .* Got \(7,\) for layer1.weight"):
        network.initial(Wrong(), Wrong(), rngs)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"hidden": [4, 0]}, "positive numbers of units"),
        ({"activation": "rlu"}, "must be one of identity"),
        ({"slope": 1.5}, r"range \[0, 1\)"),
    ],
)
def test_mistakes_are_explained(fields, message):
    with pytest.raises(ConfigurationError, match=message):
        Mlp(**fields)
