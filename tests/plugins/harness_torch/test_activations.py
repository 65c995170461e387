import numpy as np
import pytest
from scipy import special

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from harness.model.network import ACTIVATIONS
from harness_torch.activations import activation

SLOPE = 0.1
# The functions in extended terms of SciPy and NumPy, and their derivatives.
REFERENCE = {
    "identity": (lambda a: a, np.ones_like),
    "sigmoid": (special.expit, lambda a: special.expit(a) * special.expit(-a)),
    "tanh": (np.tanh, lambda a: 1 / np.cosh(np.clip(a, -300, 300)) ** 2),
    "relu": (lambda a: np.maximum(a, 0), lambda a: (a > 0).astype(float)),
    "leaky_relu": (lambda a: np.maximum(a, SLOPE * a), lambda a: np.where(a > 0, 1.0, SLOPE)),
    "elu": (
        lambda a: np.where(a > 0, a, np.expm1(np.minimum(a, 0))),
        lambda a: np.exp(np.minimum(a, 0)),
    ),
    "gelu": (
        lambda a: a * special.ndtr(a),
        lambda a: special.ndtr(a) + a * np.exp(-(a**2) / 2) / np.sqrt(2 * np.pi),
    ),
    "silu": (
        lambda a: a * special.expit(a),
        lambda a: special.expit(a) * (1 + a * special.expit(-a)),
    ),
    "softplus": (lambda a: np.logaddexp(0, a), special.expit),
}
POINTS = np.concatenate([np.linspace(-40, 40, 2001), [-1e4, -700, -100, 100, 700, 1e4], [0.0]])


def test_every_activation_of_the_core_is_here():
    assert set(ACTIVATIONS) == set(REFERENCE)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_values_and_derivatives(name):
    value, derivative = REFERENCE[name]
    a = torch.tensor(POINTS, requires_grad=True)

    h = activation(name, SLOPE)(a)
    (slope,) = torch.autograd.grad(h.sum(), a)

    np.testing.assert_allclose(h.detach().numpy(), value(POINTS), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(slope.numpy(), derivative(POINTS), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_single_precision_stays_single(name):
    assert activation(name, SLOPE)(torch.zeros(3, dtype=torch.float32)).dtype == torch.float32
