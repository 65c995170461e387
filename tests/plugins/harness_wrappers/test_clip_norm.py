"""Clipping by the norm: each run by its own bound, in its own precision, on NumPy and on PyTorch."""

import numpy as np
import pytest

from harness import with_fields
from harness_wrappers import ClipNorm


def tensor(array):
    return pytest.importorskip("torch", reason="PyTorch is not installed").tensor(array)


KINDS = {"numpy": np.array, "torch": tensor}
kinds = pytest.mark.parametrize("kind", list(KINDS))


def clipped(gradient, bound=1.0):
    """By a bound, or by those of a stack, (R, 1)."""
    wrapper = with_fields(ClipNorm(), bound=bound)
    return wrapper.step(gradient, None, {}, lr=0.1, t=1)[0]


@kinds
def test_each_run_is_clipped_to_its_own_bound(kind):
    gradient = np.array([[3.0, 4.0], [3.0, 4.0], [3.0, 4.0], [0.0, 0.0]])
    bounds = np.array([[1.0], [10.0], [1e300], [1.0]])

    actual = clipped(KINDS[kind](gradient), KINDS[kind](bounds))

    expected = [[0.6, 0.8], [3.0, 4.0], [3.0, 4.0], [0.0, 0.0]]
    np.testing.assert_allclose(np.asarray(actual), expected, rtol=1e-15)


@kinds
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_clipping_keeps_the_precision(kind, dtype):
    assert np.asarray(clipped(KINDS[kind](np.ones((2, 5), dtype)))).dtype == dtype


def test_clipping_a_stack_is_bitwise_clipping_its_runs():
    gradient = np.random.default_rng(0).normal(size=(5, 1001)).astype(np.float32)

    together = clipped(gradient)

    for r in range(5):
        np.testing.assert_array_equal(together[[r]], clipped(gradient[[r]].copy()))


@pytest.mark.filterwarnings("ignore:overflow encountered")
@pytest.mark.filterwarnings("ignore:invalid value encountered")
def test_a_gradient_that_overflows_moves_nothing_and_an_infinite_one_is_no_number():
    assert clipped(np.array([[1e200, -1e200]])).tolist() == [[0.0, 0.0]]
    assert np.isnan(clipped(np.array([[np.inf, 0.0]]))[0, 0])
