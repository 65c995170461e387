"""Activations against PyTorch's, their derivatives against autograd, far out as well."""

from __future__ import annotations

import numpy as np
import pytest

from harness.model.network import ACTIVATIONS
from harness_numpy.activations import activation

torch = pytest.importorskip("torch")

REFERENCES = {
    "identity": lambda a: a,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": lambda a: torch.nn.functional.leaky_relu(a, 0.2),
    "elu": torch.nn.functional.elu,
    "gelu": torch.nn.functional.gelu,
    "silu": torch.nn.functional.silu,
    "softplus": lambda a: torch.logaddexp(a, torch.zeros_like(a)),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_value_and_derivative(name):
    a = np.concatenate([np.linspace(-6, 6, 97) + 0.01, [-1e4, -700.0, -40.0, 40.0, 700.0, 1e4]])
    ours = activation(name, 0.2)
    at = torch.tensor(a, requires_grad=True)
    expected = REFERENCES[name](at)
    expected.sum().backward()
    h = ours.value(a)
    np.testing.assert_allclose(h, expected.detach().numpy(), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(ours.derivative(a, h), at.grad.numpy(), rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_dtype_is_kept_and_nothing_overflows(name):
    a = np.array([[-1e4, -1.0, 0.0, 1.0, 1e4]], np.float32)
    ours = activation(name, 0.2)
    h = ours.value(a)
    slope = ours.derivative(a, h)
    assert h.dtype == slope.dtype == np.float32
    assert np.isfinite(h).all()
    assert np.isfinite(slope).all()
