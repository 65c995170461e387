"""Edges of what was tried, and longer ranges, with their ends worked out by hand."""

from __future__ import annotations

import pytest

from harness.search_space import Choice, Integers, Range
from harness.sweep.tuning.edges import Edge, edges_of, extended

LR = Range(1e-4, 1, "log")  # four decades


def sides(dimension, tried, best):
    settings = [{"x": text} for text in tried]
    return [edge.side for edge in edges_of({"x": dimension}, settings, {"x": best})]


@pytest.mark.parametrize(
    ("dimension", "tried", "best", "expected"),
    [
        # 5 trials: within 0.8 of a decade of an end
        (LR, ["3e-3", "1e-2", "3e-2", "5e-2", "1e-3"], "1e-2", []),
        (LR, ["3e-3", "1e-2", "3e-2", "5e-2", "1e-3"], "5e-2", ["high"]),  # the highest tried
        (LR, ["3e-3", "1e-2", "3e-2", "5e-2", "1e-3"], "1e-3", ["low"]),
        (LR, ["0.9", "0.2", "1e-2", "3e-2", "2e-4"], "0.2", ["high"]),  # one beyond it, but close
        (LR, ["0.9", "0.1", "1e-2", "3e-2", "2e-4"], "0.1", []),  # a decade away
        (LR, ["0.9", "0.1", "3e-4", "3e-2", "2e-4"], "3e-4", ["low"]),
        # 10 trials: as many numbers are far from the end on a linear scale, and close on another
        (Range(0.0, 1.0), ["0.91", "0.95", *["0.5"] * 8], "0.91", ["high"]),
        (Range(0.0, 0.9999, "complement"), ["0.91", "0.95", *["0.5"] * 8], "0.91", []),
        (Integers(1, 9), ["1", "5", "9", "4"], "5", []),
        (Integers(1, 9), ["1", "5", "9", "4"], "9", ["high"]),
        (Choice(("a", "b")), ["a", "b"], "a", []),
    ],
)
def test_a_value_is_on_an_edge_if_none_beyond_it_was_tried_or_close_to_an_end(
    dimension, tried, best, expected
):
    assert sides(dimension, tried, best) == expected


def test_a_message_names_the_value_and_the_range():
    (edge,) = edges_of(
        {"optimizer.lr": LR}, [{"optimizer.lr": "0.9"}] * 9, {"optimizer.lr": "0.9"}
    )[1:]
    assert str(edge) == "optimizer.lr=0.9 is on the upper edge of its range, 0.0001 to 1"


@pytest.mark.parametrize(
    ("dimension", "side", "ends"),
    [
        (LR, "high", (1e-4, 100)),
        (LR, "low", (1e-6, 1)),
        (Range(-1, 3), "high", (-1, 5)),
        (Range(-1, 3), "low", (-3, 3)),
        (Range(0.9, 0.999, "complement"), "high", (0.9, 0.9999)),
        (Range(0.9, 0.999, "complement"), "low", (0, 0.999)),
        (Integers(10, 19), "high", (10, 24)),
        (Integers(10, 19), "low", (5, 19)),
        (Integers(1, 2), "high", (1, 3)),
    ],
)
def test_a_range_grows_by_half_its_width_on_its_scale_at_that_side_alone(dimension, side, ends):
    edge = Edge("x", side, "", dimension.low, dimension.high)
    other = Range(0, 1)
    longer = extended({"x": dimension, "y": other}, [edge], lambda key, text: True)
    assert (longer["x"].low, longer["x"].high) == pytest.approx(ends, rel=1e-12)
    assert type(longer["x"]) is type(dimension)
    assert longer["x"].scale == dimension.scale
    assert longer["y"] is other
    assert list(longer) == ["x", "y"]


def test_an_end_that_is_not_allowed_comes_closer_until_it_is():
    """1 − x is 0.5 and grows by 22, 4.7, 2.2 and 1.5 times: only the last keeps x above 0."""
    momentum = Range(0.5, 0.999, "complement")
    edge = Edge("x", "low", "0.5", 0.5, 0.999)
    tried = []

    def allows(key, text):
        tried.append(float(text))
        return float(text) >= 0

    longer = extended({"x": momentum}, [edge], allows)["x"]
    ends = [1 - 0.5 * 500**share for share in (1 / 2, 1 / 4, 1 / 8, 1 / 16)]
    assert tried == pytest.approx(ends, rel=1e-4)
    assert longer.low == pytest.approx(ends[-1])


@pytest.mark.parametrize(
    ("dimension", "side"),
    [(Range(0.5, 0.9), "high"), (Integers(1, 8, "log"), "low")],  # no value, and no such range
)
def test_a_range_that_cannot_grow_stays(dimension, side):
    edge = Edge("x", side, "", dimension.low, dimension.high)
    space = {"x": dimension}
    assert extended(space, [edge], lambda key, text: False) == space


def test_both_ends_can_grow_at_once():
    edges = [Edge("x", side, "", 1e-4, 1) for side in ("low", "high")]
    longer = extended({"x": LR}, edges, lambda key, text: True)["x"]
    assert (longer.low, longer.high) == pytest.approx((1e-6, 100))
