"""Mean ranks on their axis."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.compare.pictures.critical_difference import cliques, draw_critical_difference
from harness.compare.pictures.style import styles_of


@given(st.lists(st.floats(1, 12), min_size=2, max_size=12), st.floats(0.1, 5))
def test_a_clique_is_a_largest_group_within_the_critical_difference(values, critical):
    ranks = np.sort(values)
    groups = [
        (first, last)
        for first in range(len(ranks))
        for last in range(first + 1, len(ranks))
        if ranks[last] <= ranks[first] + critical
    ]
    largest = [
        (a, b)
        for a, b in groups
        if not any((c <= a and b <= d) != ((a, b) == (c, d)) for c, d in groups)
    ]
    assert cliques(ranks, critical) == largest


def test_ranks_stand_on_their_axis_and_bars_join_who_cannot_be_told_apart(three):
    figure = draw_critical_difference(three.ranks, styles_of(three.contenders))
    (axes,) = figure.axes
    scale = {text.get_text(): text.get_position()[0] for text in axes.texts}
    first, last = scale["1"], scale["3"]
    place = lambda rank: first + (last - first) * (rank - 1) / 2  # noqa: E731
    dots = {
        artist.get_marker(): artist.get_xdata()[0]
        for artist in axes.lines
        if len(artist.get_xdata()) == 1
    }
    for style, rank in zip(styles_of(three.contenders).values(), three.ranks["rank"], strict=True):
        assert dots[style.marker] == pytest.approx(place(rank))
    (bar,) = [artist for artist in axes.lines if artist.get_label() == "clique"]
    assert bar.get_xdata() == pytest.approx([place(1.4), place(1.6)], abs=0.01)
    (length,) = [artist for artist in axes.lines if artist.get_label() == "critical difference"]
    critical = three.ranks.critical.iloc[0]
    assert np.diff(length.get_xdata())[0] == pytest.approx(place(1 + critical) - first)
    assert {"adam  1.40", "heavy_ball  1.60", "3.00  sgd"} <= set(scale)


def test_two_contenders_have_no_diagram_of_ranks(three, empty):
    styles = styles_of(three.contenders)
    assert draw_critical_difference(three.ranks.head(2), styles) is None
    assert draw_critical_difference(empty.ranks, {}) is None
