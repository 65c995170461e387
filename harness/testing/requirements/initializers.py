"""Requirements for initializers.

A correct initializer stays within each statistical bound with a probability of 1 − 1e-9.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import inf, sqrt
from statistics import NormalDist
from typing import Any

import numpy as np

from harness.contracts import Layer
from harness.errors import ConfigurationError
from harness.testing.assertions import Snapshot, assert_equal
from harness.testing.check_results import Skip, Violation
from harness.testing.dependencies import depends_on
from harness.testing.global_generators import assert_global_generators_untouched
from harness.testing.subject import Subject

__all__ = ["REQUIREMENTS"]

FALSE_ALARM = 1e-9  # probability of one
DEVIATIONS = NormalDist().inv_cdf(1 - FALSE_ALARM / 2)  # 6.1

FANS = ((1, 1), (1, 9), (9, 1), (3, 5), (64, 63))  # fan_out, fan_in
LARGE = ((200, 200), (400, 100), (100, 400))


def draws_float64_of_the_shape(subject: Subject) -> None:
    """`sample` returns a finite float64 array of the shape that is asked for, for weights and biases.

    It may refuse biases with a ConfigurationError if they have no meaning.
    """
    for initializer in subject.variants():
        for shape, layer in _parameters(initializer):
            values = initializer.sample(shape, layer, _rng())
            actual = (np.shape(values), getattr(values, "dtype", type(values).__name__))
            if actual != (shape, np.float64):
                raise Violation(
                    f"For the shape {shape} it returned {actual[1]} of shape {actual[0]}.",
                    "Return a float64 array of `shape`, as from rng.normal(0, std, shape).",
                )
            if not np.isfinite(values).all():
                raise Violation(
                    f"{np.count_nonzero(~np.isfinite(values))} of {values.size} numbers are not finite "
                    f"(fan_in={layer.fan_in}, fan_out={layer.fan_out}).",
                    "Guard divisions and roots for layers of one unit.",
                )


@depends_on(draws_float64_of_the_shape)
def draws_the_same_from_the_same_generator(subject: Subject) -> None:
    """The same state of `rng` gives the same bits: the weights depend on nothing else."""
    for initializer in subject.variants():
        for shape, layer in _parameters(initializer):
            first, second = (np.array(initializer.sample(shape, layer, _rng())) for _ in range(2))
            assert_equal(
                second,
                first,
                f"Two draws of {shape} from generators in the same state",
                "Use no source but the argument rng: no np.random, clock or counter.",
            )


@depends_on(draws_float64_of_the_shape)
def draws_other_numbers_from_another_generator(subject: Subject) -> None:
    """Another seed gives other weights, unless the weights are not random."""
    shape, layer = _layer(20, 30)
    first, second = (subject.example.sample(shape, layer, _rng(seed)) for seed in (1, 2))
    sizes = len(np.unique(np.abs(first)))
    if sizes > 10 and np.array_equal(first, second):  # a constant or identity has one or two
        raise Violation(
            f"The {first.size} weights, of {sizes} different sizes, were equal for seeds 1 and 2.",
            "Draw from the argument rng, not from a generator with a fixed seed.",
        )


@depends_on(draws_float64_of_the_shape)
def touches_no_global_generator(subject: Subject) -> None:
    """It draws only from `rng` and leaves the global random generators alone."""
    shape, layer = _layer(20, 30)
    assert_global_generators_untouched(
        lambda: subject.example.sample(shape, layer, _rng()),
        "Draw from the argument rng: rng.normal(…) instead of np.random.normal(…).",
    )


@depends_on(draws_the_same_from_the_same_generator)
def returns_new_arrays(subject: Subject) -> None:
    """Writing into a returned array does not change what it returns later."""
    shape, layer = _layer(20, 30)
    first = subject.example.sample(shape, layer, _rng())
    original = first.copy()
    if first.flags.writeable:
        first[...] = 7.0
    assert_equal(
        subject.example.sample(shape, layer, _rng()),
        original,
        "Draws before and after the first one was written into",
        "Return a new array at every call, or a copy of a cached one.",
    )


@depends_on(draws_float64_of_the_shape)
def does_not_grow_with_the_fans(subject: Subject) -> None:
    """Weights of a layer with four times the fans are not larger, or their sums would explode."""
    small, large = (_draws(subject.example, *_layer(n, n)) for n in (50, 200))
    rms_50, rms_200 = np.sqrt((small**2).mean()), np.sqrt((large**2).mean())
    if rms_200 > rms_50 * (1 + _spread(small) + _spread(large)):
        raise Violation(
            f"Their root mean square is {rms_50:.4g} for fans of 50 and {rms_200:.4g} for 200.",
            "Divide by the fans instead of multiplying: std = √(2 / fan_in), for example.",
        )


@depends_on(draws_float64_of_the_shape)
def has_the_moments_that_it_states(subject: Subject) -> None:
    """Sample mean and standard deviation are those of its method `moments(layer)`, for equal fans and
    for unequal ones; a correct one passes each time with a probability of 1 − 1e-9."""
    if not hasattr(subject.component, "moments"):
        raise Skip("it has no method moments(layer) that states its mean and standard deviation")
    for initializer in subject.variants():
        for out, fan_in in LARGE:
            shape, layer = _layer(out, fan_in)
            values, (mean, std) = _draws(initializer, shape, layer), initializer.moments(layer)
            deviation = float(np.sqrt(np.mean((values - mean) ** 2)))
            offset = float(values.mean()) - mean
            fans = f"fan_in={fan_in}, fan_out={out}"
            if abs(offset) > DEVIATIONS * std / sqrt(values.size) + 1e-12:
                raise Violation(
                    f"The mean of {values.size} draws is {values.mean():.4g}, {mean:.4g} is stated "
                    f"({fans}); it may differ by {DEVIATIONS * std / sqrt(values.size):.2g}.",
                    "Correct the mean of the draws, or what moments returns.",
                )
            if abs(deviation - std) > std * _spread(values, mean) + 1e-12:
                raise Violation(
                    f"The standard deviation of {values.size} draws is {deviation:.4g}, {std:.4g} is "
                    f"stated ({fans}); they may differ by {std * _spread(values, mean):.2g}."
                    f"{_hint(initializer, layer, deviation)}",
                    "Compare the formula with its paper: which fan, and a factor of 1, 2, 3 or 6?",
                )


@depends_on(draws_float64_of_the_shape)
def adjusts_weights_to_any_data(subject: Subject) -> None:
    """`adjusted`, if there is one, returns finite float64 weights of the same shape.

    The inputs are many samples or one, all equal, or zeros.
    """
    for initializer, weights, layer, inputs in _adjustments(subject):
        adjusted = initializer.adjusted(weights, layer, inputs)
        actual = (np.shape(adjusted), getattr(adjusted, "dtype", type(adjusted).__name__))
        if actual != (weights.shape, np.float64):
            raise Violation(
                f"For weights of shape {weights.shape} it returned {actual[1]} of shape {actual[0]}.",
                "Return a float64 array of the shape of the weights.",
            )
        if not np.isfinite(adjusted).all():
            raise Violation(
                f"{np.count_nonzero(~np.isfinite(adjusted))} of {adjusted.size} weights are not finite "
                f"for {len(inputs)} samples of {layer.fan_in} inputs between {inputs.min():.3g} and "
                f"{inputs.max():.3g}.",
                "Guard divisions: inputs may be constant, and there may be only one sample.",
            )


@depends_on(adjusts_weights_to_any_data)
def adjusts_the_same_weights_alike(subject: Subject) -> None:
    """`adjusted`, if there is one, gives the same bits for the same arguments, and leaves them alone."""
    for initializer, weights, layer, inputs in _adjustments(subject):
        snapshot = Snapshot(np.asarray, weights=weights, inputs=inputs)
        first, second = (np.array(initializer.adjusted(weights, layer, inputs)) for _ in range(2))
        snapshot.assert_unchanged("Return a new array: no /=, *= or out= on the arguments.")
        assert_equal(
            second,
            first,
            "Weights that were adjusted twice",
            "Compute only from the arguments: no generator, clock or counter.",
        )


def _adjustments(subject: Subject) -> Iterator[tuple[Any, np.ndarray, Layer, np.ndarray]]:
    """Initializers, drawn weights, their layer and inputs to it. Raises Skip if it does not use data."""
    if not hasattr(subject.component, "adjusted"):
        raise Skip("it has no method adjusted(weights, layer, inputs): it does not use data")
    for initializer in subject.variants():
        for out, fan_in in FANS:
            shape, layer = _layer(out, fan_in)
            many = _rng(7).normal(size=(50, fan_in))
            for inputs in (many, many[:1], np.ones_like(many), np.zeros_like(many)):
                yield initializer, initializer.sample(shape, layer, _rng()), layer, inputs.copy()


def _hint(initializer: Any, layer: Layer, deviation: float) -> str:
    """A hint if the standard deviation is that of a layer with the two fans exchanged."""
    exchanged = replace(layer, fan_in=layer.fan_out, fan_out=layer.fan_in)
    _, std = initializer.moments(exchanged)
    if layer.fan_in == layer.fan_out or abs(deviation / std - 1 if std else inf) > 0.05:
        return ""
    return f" It would be {std:.4g} with fan_in and fan_out exchanged."


def _parameters(initializer: Any) -> Iterator[tuple[tuple[int, ...], Layer]]:
    """Shapes of weights and biases for layers of several sizes; no biases if it refuses them."""
    for out, fan_in in FANS:
        shape, layer = _layer(out, fan_in)
        yield shape, layer
        try:
            initializer.sample((out,), layer, _rng())
        except ConfigurationError:
            continue
        yield (out,), layer


def _layer(out: int, fan_in: int) -> tuple[tuple[int, int], Layer]:
    return (out, fan_in), Layer(index=1, depth=3, fan_in=fan_in, fan_out=out, activation="relu")


def _draws(initializer: Any, shape: tuple[int, ...], layer: Layer) -> np.ndarray:
    rng = _rng()
    return np.concatenate([initializer.sample(shape, layer, rng).ravel() for _ in range(2)])


def _spread(values: np.ndarray, mean: float = 0.0) -> float:
    """Allowed relative error of the root mean square, from Var[s²] = (κ − 1) σ⁴ / n."""
    squares = (values - mean) ** 2
    if not squares.any():
        return 0.0
    kurtosis = (squares**2).mean() / squares.mean() ** 2
    return DEVIATIONS * sqrt(max(float(kurtosis) - 1, 0.0) / values.size) / 2 + 1e-9


def _rng(seed: int = 5) -> np.random.Generator:
    return np.random.default_rng(seed)


REQUIREMENTS = (
    draws_float64_of_the_shape,
    draws_the_same_from_the_same_generator,
    draws_other_numbers_from_another_generator,
    touches_no_global_generator,
    returns_new_arrays,
    does_not_grow_with_the_fans,
    has_the_moments_that_it_states,
    adjusts_weights_to_any_data,
    adjusts_the_same_weights_alike,
)
