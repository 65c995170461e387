"""What the conformance suite leaves out: stability, dtypes of tensors, targets, stacks."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import harness
from harness import Task
from harness_losses import (
    AbsoluteError,
    ConfidencePenalty,
    HiddenL1,
    Huber,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
    SquaredError,
    ZLoss,
    harness_auxiliary_losses,
    harness_losses,
)

MAIN = [SoftmaxCrossEntropy(), SigmoidCrossEntropy(), SquaredError(), AbsoluteError(), Huber()]
AUXILIARY = [ConfidencePenalty(), ZLoss(), HiddenL1()]
every_main = pytest.mark.parametrize("loss", MAIN, ids=lambda loss: type(loss).__name__)
every_loss = pytest.mark.parametrize("loss", MAIN + AUXILIARY, ids=lambda loss: type(loss).__name__)
both_dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


def one_hot(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """A target that every loss can take."""
    return np.eye(shape[-1], dtype=dtype)[rng.integers(0, shape[-1], shape[:-1])]


def arguments(loss: Any, target: np.ndarray) -> list[np.ndarray]:
    return [target] if loss in MAIN else []


@every_loss
@settings(deadline=None, max_examples=40)
@given(
    runs=st.integers(2, 9),
    batch=st.integers(1, 70),
    width=st.integers(1, 40),
    dtype=st.sampled_from(["float32", "float64"]),
)
def test_a_run_in_a_stack_is_what_it_is_alone_bit_for_bit(
    loss: Any, runs: int, batch: int, width: int, dtype: str
) -> None:
    rng = np.random.default_rng(runs * batch * width)
    output = (5 * rng.normal(size=(runs, batch, width))).astype(dtype)
    target = one_hot(rng, output.shape, dtype)
    values = loss.value(output, *arguments(loss, target))
    gradients = loss.gradient(output, *arguments(loss, target))
    for r in range(runs):
        row, row_target = output[r : r + 1].copy(), arguments(loss, target[r : r + 1].copy())
        np.testing.assert_array_equal(values[r : r + 1], loss.value(row, *row_target))
        np.testing.assert_array_equal(gradients[r : r + 1], loss.gradient(row, *row_target))


@every_loss
@both_dtypes
def test_dtypes_of_tensors(loss: Any, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    output = torch.ones((3, 5, 4), dtype=getattr(torch, dtype))
    target = arguments(loss, torch.ones_like(output))
    value, gradient = loss.value(output, *target), loss.gradient(output, *target)
    assert (value.shape, value.dtype) == ((3,), output.dtype)
    assert (gradient.shape, gradient.dtype) == ((3, 5, 4), output.dtype)


@both_dtypes
@pytest.mark.parametrize("tensors", [False, True], ids=["numpy", "torch"])
def test_huge_logits_have_exact_losses(dtype: str, tensors: bool) -> None:
    """±1e4: the exponentials over- and underflow in either precision. Warnings are errors."""
    convert = pytest.importorskip("torch").from_numpy if tensors else np.asarray
    logits = convert(np.array([[[1e4, -1e4]], [[-1e4, 1e4]], [[1e4, 1e4]]], dtype))
    target = convert(np.array([[1.0, 0.0]], dtype))
    log2 = float(np.log(np.array(2, dtype)))

    def listed(numbers: Any) -> list:
        return np.asarray(numbers).tolist()

    softmax, sigmoid = SoftmaxCrossEntropy(), SigmoidCrossEntropy()
    assert listed(softmax.value(logits, target)) == [0.0, 2e4, log2]
    assert listed(softmax.gradient(logits, target)) == [[[0, 0]], [[-1, 1]], [[-0.5, 0.5]]]
    assert listed(sigmoid.value(logits, target)) == [0.0, 1e4, 5e3]
    assert listed(sigmoid.gradient(logits, target)) == [[[0, 0]], [[-0.5, 0.5]], [[0, 0.5]]]
    penalty, z_loss = ConfidencePenalty(), ZLoss()
    assert listed(penalty.value(logits)) == [0.0, 0.0, -log2]
    assert listed(penalty.gradient(logits)) == [[[0, 0]]] * 3
    assert listed(z_loss.value(logits)) == pytest.approx([1e8, 1e8, (1e4 + log2) ** 2])
    gradient = z_loss.gradient(logits)
    np.testing.assert_allclose(gradient, [[[2e4, 0]], [[0, 2e4]], [[1e4, 1e4]]], rtol=1e-4)


@both_dtypes
def test_small_differences_between_huge_logits_are_kept(dtype: str) -> None:
    """log Σ exp(f) − f loses them in float32: it subtracts 1e4 from a number near 1e4."""
    logits = np.array([[[10000.0, 9996.0]]], dtype)
    actual = SoftmaxCrossEntropy().value(logits, np.array([[1.0, 0.0]], dtype))
    np.testing.assert_allclose(actual, np.log1p(np.exp(-4.0)), rtol=1e-5)


@both_dtypes
def test_the_sigmoid_keeps_its_small_gradients(dtype: str) -> None:
    """σ(−20) is not 0: computed as ½(1 + tanh(−10)) it would be in float32."""
    logits = np.array([[[-20.0, 20.0]]], dtype)
    actual = SigmoidCrossEntropy().gradient(logits, np.zeros((1, 2), dtype))
    np.testing.assert_allclose(actual, [[[np.exp(-20.0) / 2, 0.5]]], rtol=1e-6)


@pytest.mark.parametrize("tensors", [False, True], ids=["numpy", "torch"])
@pytest.mark.parametrize("integer", ["int32", "int64", "uint8"])
@pytest.mark.parametrize("shared", [False, True])
def test_class_numbers_are_one_hot_targets(tensors: bool, integer: str, shared: bool) -> None:
    """Also where there are as many samples as classes, and (R, B) looks like (B, K)."""
    convert = pytest.importorskip("torch").from_numpy if tensors else np.asarray
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 4, (4,) if shared else (4, 4))
    output = convert(rng.normal(size=(4, 4, 4)).astype("float32"))
    expected = convert(np.eye(4, dtype="float32")[classes])
    loss, target = SoftmaxCrossEntropy(), convert(classes.astype(integer))
    np.testing.assert_array_equal(loss.value(output, target), loss.value(output, expected))
    gradient = loss.gradient(output, target)
    assert gradient.dtype == output.dtype
    np.testing.assert_array_equal(gradient, loss.gradient(output, expected))


def test_a_target_may_be_a_distribution() -> None:
    """At its own softmax the gradient is 0 and the cross-entropy the entropy."""
    target = np.array([[[0.7, 0.2, 0.1]]])
    logits = np.log(target) + 3
    loss = SoftmaxCrossEntropy()
    np.testing.assert_allclose(loss.gradient(logits, target), 0, atol=1e-15)
    np.testing.assert_allclose(loss.value(logits, target), -np.sum(target * np.log(target)))


def test_tasks_and_heads() -> None:
    defaults = {task: [type(loss) for loss in MAIN if task in loss.default_for] for task in Task}
    assert defaults == {
        Task.BINARY: [SigmoidCrossEntropy],
        Task.MULTICLASS: [SoftmaxCrossEntropy],
        Task.MULTILABEL: [SigmoidCrossEntropy],
        Task.REGRESSION: [SquaredError],
    }
    for loss in MAIN:
        assert loss.default_for <= loss.tasks
    assert SoftmaxCrossEntropy.tasks == {Task.MULTICLASS, Task.BINARY}
    assert {loss.output_activation for loss in MAIN} == {"softmax", "sigmoid", "identity"}


@pytest.mark.parametrize("delta", [0.0, -1.0, float("inf"), float("nan")])
def test_a_delta_out_of_range_is_refused(delta: float) -> None:
    with pytest.raises(harness.ConfigurationError, match=r"'delta' of Huber .* \(0, inf\)"):
        Huber(delta)


def test_the_hooks_hand_out_every_loss() -> None:
    assert harness_losses() == {
        "softmax_cross_entropy": SoftmaxCrossEntropy,
        "sigmoid_cross_entropy": SigmoidCrossEntropy,
        "squared_error": SquaredError,
        "absolute_error": AbsoluteError,
        "huber": Huber,
    }
    assert harness_auxiliary_losses() == {
        "confidence_penalty": ConfidencePenalty,
        "z_loss": ZLoss,
        "hidden_l1": HiddenL1,
    }
    assert all(isinstance(kind(), harness.Loss) for kind in harness_losses().values())
    auxiliary = harness_auxiliary_losses().values()
    assert all(isinstance(kind(), harness.AuxiliaryLoss) for kind in auxiliary)
