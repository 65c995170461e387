"""Every loss against PyTorch, SciPy and scikit-learn: values and gradients."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special
from sklearn import metrics

from harness_losses import (
    AbsoluteError,
    ConfidencePenalty,
    HiddenL1,
    Huber,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
    SquaredError,
    ZLoss,
)

torch = pytest.importorskip("torch")
functional = torch.nn.functional

some = settings(deadline=None, max_examples=25)


def per_run(loss: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """torch's losses know no runs: one call a run."""
    return lambda f, y: torch.stack([loss(f[r], y[r]) for r in range(f.shape[0])])


REFERENCES = [
    (SoftmaxCrossEntropy(), per_run(functional.cross_entropy)),
    (SigmoidCrossEntropy(), per_run(functional.binary_cross_entropy_with_logits)),
    (SquaredError(), per_run(functional.mse_loss)),
    (AbsoluteError(), per_run(functional.l1_loss)),
    (Huber(), per_run(functional.huber_loss)),
    (Huber(delta=30.0), per_run(lambda f, y: functional.huber_loss(f, y, delta=30.0))),
]
AUXILIARY = [
    (ConfidencePenalty(), lambda f: -torch.distributions.Categorical(logits=f).entropy().mean(-1)),
    (ZLoss(), lambda f: torch.logsumexp(f, -1).square().mean(-1)),
    (HiddenL1(), lambda h: h.abs().sum(-1).mean(-1)),
]
TARGETS = {
    "softmax": lambda rng, shape: np.eye(shape[-1])[rng.integers(0, shape[-1], shape[:-1])],
    "sigmoid": lambda rng, shape: rng.integers(0, 2, shape).astype(float),
    "identity": lambda rng, shape: rng.normal(size=shape),
}


@st.composite
def outputs(draw: Any) -> tuple[np.ndarray, np.random.Generator]:
    """Outputs (R, B, K) of a size up to 1e4, and a generator for the targets."""
    shape = draw(st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 7)))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    scale = 10.0 ** draw(st.integers(-3, 4))
    return scale * rng.uniform(-1, 1, shape), rng


def with_autograd(loss: Callable[..., Any], f: np.ndarray, *target: np.ndarray) -> Any:
    """The values of a loss in torch, (R,), and what autograd makes of their sum, shaped like f."""
    tensor = torch.tensor(f, requires_grad=True)
    values = loss(tensor, *(torch.from_numpy(y) for y in target))
    values.sum().backward()
    return values.detach().numpy(), tensor.grad.numpy()


def assert_close(actual: Any, expected: Any) -> None:
    np.testing.assert_allclose(actual, expected, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(("loss", "reference"), REFERENCES, ids=lambda part: type(part).__name__)
@some
@given(outputs())
def test_main_losses_against_torch(loss: Any, reference: Any, arguments: Any) -> None:
    output, rng = arguments
    target = TARGETS[loss.output_activation](rng, output.shape)
    value, gradient = with_autograd(reference, output, target)
    assert_close(loss.value(output, target), value)
    assert_close(loss.gradient(output, target), gradient)


@pytest.mark.parametrize(("loss", "reference"), AUXILIARY, ids=lambda part: type(part).__name__)
@some
@given(outputs())
def test_auxiliary_losses_against_torch(loss: Any, reference: Any, arguments: Any) -> None:
    output, _ = arguments
    value, gradient = with_autograd(reference, output)
    assert_close(loss.value(output), value)
    assert_close(loss.gradient(output), gradient)


@pytest.mark.parametrize("loss", [loss for loss, _ in REFERENCES], ids=repr)
@some
@given(outputs())
def test_main_losses_on_tensors(loss: Any, arguments: Any) -> None:
    """Value, written-out gradient and autograd through the value agree, also at outputs of 0."""
    output, rng = arguments
    output[..., 0] = 0
    target = TARGETS[loss.output_activation](rng, output.shape)
    value, gradient = with_autograd(loss.value, output, target)
    assert_close(value, loss.value(output, target))
    assert_close(gradient, loss.gradient(output, target))
    written = loss.gradient(torch.from_numpy(output), torch.from_numpy(target))
    assert_close(written.numpy(), gradient)


@pytest.mark.parametrize("loss", [loss for loss, _ in AUXILIARY], ids=repr)
@some
@given(outputs())
def test_auxiliary_losses_on_tensors(loss: Any, arguments: Any) -> None:
    output, _ = arguments
    output[..., 0] = 0
    value, gradient = with_autograd(loss.value, output)
    assert_close(value, loss.value(output))
    assert_close(gradient, loss.gradient(output))
    assert_close(loss.gradient(torch.from_numpy(output)).numpy(), gradient)


@pytest.fixture
def regression() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    return rng.normal(size=(1, 9, 3)), rng.normal(size=(9, 3))


def test_regression_losses_are_scikit_learns_metrics(regression: Any) -> None:
    f, y = regression
    assert SquaredError().value(f, y) == pytest.approx(metrics.mean_squared_error(y, f[0]))
    assert AbsoluteError().value(f, y) == pytest.approx(metrics.mean_absolute_error(y, f[0]))


def test_cross_entropies_against_scipy_and_scikit_learn() -> None:
    rng = np.random.default_rng(5)
    logits, classes = 4 * rng.normal(size=(1, 50, 6)), rng.integers(0, 6, 50)
    p = special.softmax(logits[0], axis=-1)
    expected = metrics.log_loss(classes, p, labels=range(6))
    assert SoftmaxCrossEntropy().value(logits, classes) == pytest.approx(expected)
    y = np.eye(6)[classes]
    np.testing.assert_allclose(SoftmaxCrossEntropy().gradient(logits, y)[0], (p - y) / 50)
    losses = -special.log_expit(np.where(y == 1, logits[0], -logits[0]))
    assert SigmoidCrossEntropy().value(logits, y) == pytest.approx(losses.mean())
    gradient = (special.expit(logits[0]) - y) / 300
    np.testing.assert_allclose(SigmoidCrossEntropy().gradient(logits, y)[0], gradient)


def test_auxiliary_losses_against_scipy() -> None:
    logits = 4 * np.random.default_rng(5).normal(size=(1, 50, 6))
    entropies = special.entr(special.softmax(logits, axis=-1)).sum(-1)
    assert ConfidencePenalty().value(logits) == pytest.approx(-entropies.mean())
    assert ZLoss().value(logits) == pytest.approx((special.logsumexp(logits, axis=-1) ** 2).mean())
