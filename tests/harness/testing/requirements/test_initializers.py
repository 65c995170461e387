"""Initializers that break one requirement each, and no other."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cache
from math import sqrt
from typing import ClassVar

import numpy as np
import pytest


@dataclass(frozen=True)
class Sound:
    """He's, N(0, 2 / fan_in)."""

    def sample(self, shape, layer, rng):
        return rng.normal(0, self.moments(layer)[1], shape)

    def moments(self, layer):
        return 0.0, sqrt(2 / layer.fan_in)


class Single(Sound):
    """Draws in single precision."""

    def sample(self, shape, layer, rng):
        return super().sample(shape, layer, rng).astype(np.float32)


class TurnsTheShape(Sound):
    """Draws (fan_in, fan_out)."""

    def sample(self, shape, layer, rng):
        return super().sample(shape, layer, rng).T


class ReadsFansFromTheShape(Sound):
    """Takes the fan from the shape, which fails for biases."""

    def sample(self, shape, layer, rng):
        return rng.normal(0, sqrt(2 / shape[1]), shape)


class InfiniteForOneUnit(Sound):
    """Divides by fan_in − 1."""

    def sample(self, shape, layer, rng):
        return rng.normal(0, 1, shape) * np.sqrt(np.float64(2) / (layer.fan_in - 1))


class StatusCounts(Sound):
    """Changes from call to call."""

    calls: ClassVar = itertools.count(1)

    def sample(self, shape, layer, rng):
        return super().sample(shape, layer, rng) * (1 + 1e-9 * next(self.calls))


class HasASeedOfItsOwn(Sound):
    """Draws from a generator with a fixed seed."""

    def sample(self, shape, layer, rng):
        return super().sample(shape, layer, np.random.default_rng(0))


class SeedsNumpy(Sound):
    """Seeds the global generator and draws from it."""

    def sample(self, shape, layer, rng):
        np.random.seed(rng.integers(2**31))  # noqa: NPY002
        return np.random.normal(0, self.moments(layer)[1], shape)  # noqa: NPY002


class HandsOutItsCache(Sound):
    """Caches the weights of a generator state, and returns the same array again."""

    def sample(self, shape, layer, rng):
        return _cached(shape, layer.fan_in, rng.integers(2**31))


@cache
def _cached(shape, fan_in, seed):
    return np.random.default_rng(seed).normal(0, sqrt(2 / fan_in), shape)


class Explodes(Sound):
    """Multiplies by the fan instead of dividing."""

    def moments(self, layer):
        return 0.0, sqrt(2 * layer.fan_in)


class TakesTheOtherFan(Sound):
    """Draws by fan_out and states moments by fan_in."""

    def sample(self, shape, layer, rng):
        return rng.normal(0, sqrt(2 / layer.fan_out), shape)


class ForgetsAFactor(Sound):
    """Draws LeCun's and states the moments of He's."""

    def sample(self, shape, layer, rng):
        return rng.normal(0, sqrt(1 / layer.fan_in), shape)


class OffCentre(Sound):
    """Has another mean than it states."""

    def sample(self, shape, layer, rng):
        return super().sample(shape, layer, rng) + 0.004


class Looks(Sound):
    """Divides by the root mean square of the outputs of a layer."""

    def adjusted(self, weights, layer, inputs):
        size = np.sqrt(np.mean((inputs @ weights.T) ** 2))
        return weights / size if size > 0 else weights.copy()


class DividesByNothing(Looks):
    """Does not expect inputs of zeros."""

    def adjusted(self, weights, layer, inputs):
        return weights / np.sqrt(np.mean((inputs @ weights.T) ** 2))


class ScalesEachUnit(Looks):
    """Returns one number a unit instead of the weights."""

    def adjusted(self, weights, layer, inputs):
        return super().adjusted(weights, layer, inputs).mean(axis=1)


class ScalesInPlace(Looks):
    """Scales its argument in place."""

    def adjusted(self, weights, layer, inputs):
        weights *= 0.5
        return weights.copy()


class CountsWhenItAdjusts(Looks):
    """Adds another number at each call."""

    calls: ClassVar = itertools.count(1)

    def adjusted(self, weights, layer, inputs):
        return weights + 1e-9 * next(self.calls)


def test_what_they_are_made_from_is_sound(assert_sound):
    assert_sound("initializer", Sound)
    assert_sound("initializer", Looks)


def test_one_without_adjusted_skips_what_is_asked_of_it(check_results):
    assert "adjusted" in check_results("initializer", Sound)["adjusts_weights_to_any_data"].note


@pytest.mark.parametrize(
    ("component", "requirement", "found"),
    [
        (Single, "draws_float64_of_the_shape", r"it returned float32 of shape \(1, 1\)"),
        (
            TurnsTheShape,
            "draws_float64_of_the_shape",
            r"\(1, 9\) it returned float64 of .*\(9, 1\)",
        ),
        (ReadsFansFromTheShape, "draws_float64_of_the_shape", "IndexError"),
        (InfiniteForOneUnit, "draws_float64_of_the_shape", "1 of 1 numbers are not finite"),
        (StatusCounts, "draws_the_same_from_the_same_generator", r"differ by \d.*e-0\d"),
        (HasASeedOfItsOwn, "draws_other_numbers_from_another_generator", "600 weights, of 600"),
        (SeedsNumpy, "touches_no_global_generator", "np.random has changed"),
        (HandsOutItsCache, "returns_new_arrays", r"7\.0 against"),
        (Explodes, "does_not_grow_with_the_fans", r"is \d+\.\d+ for fans of 50 and \d+"),
        (
            TakesTheOtherFan,
            "has_the_moments_that_it_states",
            r"is 0\.07\d+, 0\.1414 is stated .* 0\.07071 with fan_in and fan_out exchanged",
        ),
        (ForgetsAFactor, "has_the_moments_that_it_states", r"is 0\.07\d+, 0\.1 is stated"),
        (DividesByNothing, "adjusts_weights_to_any_data", r"1 of 1 weights .* between 0 and 0"),
        (ScalesEachUnit, "adjusts_weights_to_any_data", r"float64 of shape \(1,\)"),
        (ScalesInPlace, "adjusts_the_same_weights_alike", "weights was changed"),
        (CountsWhenItAdjusts, "adjusts_the_same_weights_alike", "every bit must be equal"),
        (OffCentre, "has_the_moments_that_it_states", r"The mean of 80000 draws is 0\.00\d+, 0 is"),
    ],
    ids=lambda part: getattr(part, "__name__", None),
)
def test_a_faulty_initializer_is_caught_by_its_requirement(
    assert_breaks, component, requirement, found
):
    assert_breaks("initializer", component, requirement, found)


def test_one_without_moments_skips_with_a_reason(check_results):
    @dataclass(frozen=True)
    class Quiet:
        """Zeros."""

        def sample(self, shape, layer, rng):
            return np.zeros(shape)

    results = check_results("initializer", Quiet)
    assert not [result for result in results.values() if result.failed]
    assert "moments(layer)" in results["has_the_moments_that_it_states"].note
