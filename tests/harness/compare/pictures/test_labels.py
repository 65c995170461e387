"""Names beside the ends of lines."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import comparisons
from harness.compare.pictures.labels import spread
from harness.compare.pictures.performance_profile import draw_performance_profile
from harness.compare.pictures.style import styles_of


def test_twelve_contenders_are_all_named(three):
    many = comparisons.many()
    (axes,) = draw_performance_profile(many.profiles, styles_of(many.contenders), "tasks").axes
    names = [text for text in axes.texts if text.get_text()]
    assert {text.get_text() for text in names} == set(many.contenders)
    heights = np.sort([text.xy[1] for text in names])
    assert np.diff(heights).min() * axes.bbox.height * 72 / axes.figure.dpi > 9


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.floats(0.01, 0.2))
def test_labels_keep_their_order_and_distance_and_move_no_further_than_need_be(heights, apart):
    from sklearn.isotonic import IsotonicRegression

    placed = spread(np.array(heights), apart)
    order = np.argsort(heights, kind="stable")
    assert (np.diff(placed[order]) >= apart - 1e-9).all()
    rank = apart * np.arange(len(heights))
    fitted = IsotonicRegression().fit_transform(rank, np.array(heights)[order] - rank) + rank
    np.testing.assert_allclose(placed[order], fitted, atol=1e-9)
