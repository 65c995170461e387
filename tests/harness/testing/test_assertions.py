"""Comparisons of arrays: what passes, and what the message says of what does not."""

from __future__ import annotations

import numpy as np
import pytest

from harness.testing.assertions import (
    Snapshot,
    assert_close,
    assert_equal,
    central_differences,
    relative_difference,
)
from harness.testing.check_results import Violation


@pytest.mark.parametrize(
    ("actual", "expected", "difference"),
    [
        ([1.0, np.nan, np.inf], [1.0, np.nan, np.inf], 0.0),
        ([1.0, 3.0], [1.0, 4.0], 0.25),
        ([0.0, 0.5], [0.0, 0.0], 0.5),  # nothing to be relative to
        ([np.nan, 1.0], [1.0, 1.0], np.inf),
        ([1.0, 1.0], [np.inf, 1.0], np.inf),
    ],
)
def test_a_difference_is_relative_to_the_largest_finite_number(actual, expected, difference):
    assert relative_difference(np.array(actual), np.array(expected)) == difference


def test_arrays_within_the_tolerance_are_close():
    assert_close([1.0, 2.0], [1.0, 2.0 + 1e-11], 1e-10, "θ", "Fix it.")
    with pytest.raises(Violation, match=r"differ by .* every bit must be equal"):
        assert_equal([1.0, 2.0], [1.0, 2.0 + 1e-11], "θ", "Fix it.")


def test_the_message_names_the_worst_number_and_what_is_allowed():
    with pytest.raises(Violation) as raised:
        assert_close([[1.0, 2.0], [3.0, 5.0]], [[1.0, 2.0], [3.0, 4.0]], 0.1, "θ and it", "Fix it.")
    assert raised.value.found == (
        "θ and it differ by 0.25 relative to the largest number; 0.1 is allowed. "
        "The worst is at (1, 1): 5.0 against 4.0."
    )
    assert raised.value.remedy == "Fix it."


def test_arrays_of_different_shapes_are_not_broadcast():
    with pytest.raises(Violation, match=r"θ differ in shape: \(2,\) against \(1, 2\)\."):
        assert_equal([1.0, 2.0], [[1.0, 2.0]], "θ", "Fix it.")


def test_central_differences_are_those_of_each_run():
    at = np.array([[1.0, -2.0], [0.5, 3.0]])
    gradient = central_differences(lambda x: (x**3).sum(-1), at)
    np.testing.assert_allclose(gradient, 3 * at**2, rtol=1e-8)


def test_a_snapshot_notices_the_array_that_was_written_into():
    theta, gradient = np.ones(3), np.array([1.0, np.nan])
    snapshot = Snapshot(np.asarray, θ=theta, gradient=gradient)
    snapshot.assert_unchanged("Fix it.")
    theta[1] += 0.5
    with pytest.raises(Violation, match=r"θ was changed, by up to 0\.5\."):
        snapshot.assert_unchanged("Fix it.")
