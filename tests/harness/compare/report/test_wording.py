import math

import pytest

from harness.compare.report.wording import Estimate, difference, enumeration, probability, time


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (Estimate(0.5, 0.4, 0.6), "+0.50 [0.40, 0.60]"),
        (Estimate(-120.0, -340.0, 100.0), "-120 [-340, 100]"),
        (Estimate(0.0, 0.0, 0.0), "+0.0000"),
        (Estimate(1e-9, -1e-9, 3e-9), "+0.000000 [0.000000, 0.000000]"),
        (Estimate(math.nan, 0.0, 1.0), "-"),
    ],
)
def test_a_difference_has_the_digits_that_its_interval_leaves_certain(estimate, text):
    assert difference(estimate) == text


def test_p_is_never_nought():
    assert [probability(p) for p in (1.0, 0.05, 0.001, 1e-300, 0.0)] == [
        "1",
        "0.05",
        "0.001",
        "<0.001",
        "<0.001",
    ]


def test_what_was_missed_and_what_is_unknown_are_not_the_same():
    assert (time(math.inf), time(math.nan)) == ("missed", "-")


def test_one_other_is_named():
    assert enumeration(list("abcde")) == "a, b, c, d and e"
    assert enumeration([]) == ""
