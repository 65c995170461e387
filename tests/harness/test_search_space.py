"""Search spaces: scales, ends and texts, against distributions of SciPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from harness.errors import ConfigurationError, PluginError
from harness.search_space import Choice, Integers, Range, space_of

UNIFORM = np.random.default_rng(0).random(2_000)


@pytest.mark.parametrize(
    ("range_", "expected"),
    [
        (Range(-2, 3), stats.uniform(-2, 5)),
        (Range(1e-4, 10, "log"), stats.loguniform(1e-4, 10)),
    ],
)
def test_a_scale_is_even_in_what_it_names(range_, expected):
    values = [range_.at(u) for u in UNIFORM]
    assert stats.kstest(values, expected.cdf).pvalue > 0.05


def test_the_complement_scale_is_even_in_the_logarithm_of_one_minus_x():
    away = [1 - Range(0.5, 0.9999, "complement").at(u) for u in UNIFORM]
    assert stats.kstest(away, stats.loguniform(1e-4, 0.5).cdf).pvalue > 0.05


def test_a_linear_range_is_not_taken_for_a_logarithmic_one():
    values = [Range(1e-4, 10).at(u) for u in UNIFORM]
    assert stats.kstest(values, stats.loguniform(1e-4, 10).cdf).pvalue < 1e-6


RANGES = st.one_of(
    st.tuples(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.just("linear")).map(
        lambda t: Range(t[0], t[0] + t[1], t[2])
    ),
    st.tuples(st.floats(1e-12, 1e3), st.floats(1.001, 1e6)).map(
        lambda t: Range(t[0], t[0] * t[1], "log")
    ),
    st.tuples(st.floats(1e-9, 0.5), st.floats(1.001, 2)).map(
        lambda t: Range(1 - t[0] * t[1], 1 - t[0], "complement")
    ),
)


@settings(deadline=None, max_examples=200)
@given(RANGES, st.floats(0, 1), st.floats(0, 1))
def test_values_and_their_texts_stay_within_the_ends_and_rise(range_, one, other):
    low, high = sorted((one, other))
    assert range_.at(low) <= range_.at(high)
    for u in (0.0, low, high, 1.0):
        value = range_.at(u)
        read = float(range_.text(value))
        assert range_.low <= value <= range_.high
        assert range_.low <= read <= range_.high
        if range_.scale == "complement":
            assert 1 - read == pytest.approx(1 - value, rel=6e-6, abs=1e-15)
        else:
            assert read == pytest.approx(value, rel=6e-6)
    assert range_.at(0) == pytest.approx(range_.low)
    assert range_.at(1) == pytest.approx(range_.high)


def test_six_digits_are_enough_to_read_and_to_tell_apart():
    assert Range(1e-5, 1, "log").text(0.001234567) == "0.00123457"
    assert Range(0.5, 0.99999, "complement").text(0.99987654321) == "0.999876543"
    assert Range(0.0, 1 / 3).text(1 / 3) == "0.333333"
    assert float(Range(1 / 3, 1).text(1 / 3)) == 1 / 3  # six digits would lie outside


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1, 0.1), "from a lower to a higher finite number. Got 1 to 0.1"),
        ((1, 1), "from a lower to a higher finite number"),
        ((0, float("inf")), "finite"),
        ((float("nan"), 1), "finite"),
        ((0, 1, "log"), "starts above 0"),
        ((0, 1, "complement"), "ends below 1"),
        ((0, 1, "exponential"), "must be one of linear, log, complement"),
    ],
)
def test_a_range_that_makes_no_sense_is_refused(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        Range(*arguments)


@pytest.mark.parametrize("low", [-3, 0, 7])
def test_whole_numbers_get_equal_shares(low):
    counts = np.bincount([Integers(low, low + 4).at(u) - low for u in UNIFORM])
    assert len(counts) == 5
    assert stats.chisquare(counts).pvalue > 0.05


def test_whole_numbers_on_a_log_scale_get_the_share_of_their_interval():
    counts = np.bincount([Integers(1, 4, "log").at(u) for u in UNIFORM])[1:]
    shares = np.log([1.5 / 0.5, 2.5 / 1.5, 3.5 / 2.5, 4.5 / 3.5]) / np.log(4.5 / 0.5)
    assert stats.chisquare(counts, shares * counts.sum()).pvalue > 0.05
    assert {Integers(16, 64, "log").at(u) for u in (0.0, 1.0)} == {16, 64}
    with pytest.raises(ConfigurationError, match="start at 1"):
        Integers(0, 4, "log")
    with pytest.raises(ConfigurationError, match="Got 4 to 4"):
        Integers(4, 4)


def test_choices_get_equal_shares():
    counts = [sum(Choice(("a", "b", "c")).at(u) == v for u in UNIFORM) for v in "abc"]
    assert sum(counts) == len(UNIFORM)
    assert stats.chisquare(counts).pvalue > 0.05
    assert Choice(("a", "b")).at(1.0) == "b"


@dataclass(frozen=True)
class Plain:
    lr: float = 0.1


@dataclass(frozen=True)
class Misspelt:
    lr: float = 0.1
    search_space: ClassVar[Any] = {"lrr": Range(0, 1)}


@dataclass(frozen=True)
class Untyped:
    lr: float = 0.1
    search_space: ClassVar[Any] = {"lr": (0, 1)}


def test_a_component_may_state_no_space_and_must_not_state_a_wrong_one():
    assert space_of(Plain) == {}
    for wrong in (Misspelt, Untyped):
        with pytest.raises(PluginError, match=r"must give a harness.Range for each of some of its"):
            space_of(wrong)


@settings(deadline=None, max_examples=200)
@given(RANGES, st.floats(0, 1))
def test_a_position_is_where_a_value_comes_from(range_, u):
    assert range_.position(range_.low) == 0
    assert range_.position(range_.high) == pytest.approx(1)
    # Next to 1, a step of a float is long on the complement scale
    assert range_.at(range_.position(range_.at(u))) == pytest.approx(range_.at(u), rel=1e-9)


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_a_position_of_a_whole_number_gives_it_back(scale):
    whole = Integers(3, 40, scale)
    assert [whole.at(whole.position(value)) for value in range(3, 41)] == list(range(3, 41))


@settings(deadline=None, max_examples=200)
@given(RANGES, st.sampled_from([0.5, 0.25]))
def test_an_extended_range_goes_on_by_a_share_of_its_width_on_its_scale(range_, share):
    longer = range_.extended(above=share)
    assert longer.low == range_.low
    assert longer.high > range_.high
    assert range_.position(longer.high) == pytest.approx(1 + share, abs=0.01)
    assert range_.extended() == range_
