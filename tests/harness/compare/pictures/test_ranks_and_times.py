import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import comparisons
from harness.compare.pictures.critical_difference import cliques, draw_critical_difference
from harness.compare.pictures.performance_profile import draw_performance_profile
from harness.compare.pictures.style import styles_of
from harness.compare.pictures.time_to_target import draw_time_to_target


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
    dots = {one.get_marker(): one.get_xdata()[0] for one in axes.lines if len(one.get_xdata()) == 1}
    for style, rank in zip(styles_of(three.contenders).values(), three.ranks["rank"], strict=True):
        assert dots[style.marker] == pytest.approx(place(rank))
    (bar,) = [one for one in axes.lines if one.get_label() == "clique"]
    assert bar.get_xdata() == pytest.approx([place(1.4), place(1.6)], abs=0.01)
    (length,) = [one for one in axes.lines if one.get_label() == "critical difference"]
    critical = three.ranks.critical.iloc[0]
    assert np.diff(length.get_xdata())[0] == pytest.approx(place(1 + critical) - first)
    assert {"adam  1.40", "heavy_ball  1.60", "3.00  sgd"} <= set(scale)


def test_two_contenders_have_no_diagram_of_ranks(three, empty):
    styles = styles_of(three.contenders)
    assert draw_critical_difference(three.ranks.head(2), styles) is None
    assert draw_critical_difference(empty.ranks, {}) is None


def test_a_profile_is_a_step_line_that_never_falls(three, empty):
    styles = styles_of(three.contenders)
    (axes,) = draw_performance_profile(three.profiles, styles, "tasks").axes
    of = three.profiles[three.profiles.contender == "adam"]
    (line,) = [one for one in axes.lines if one.get_label() == "adam"]
    assert line.get_drawstyle() == "steps-post"
    assert line.get_xdata()[:-1] == pytest.approx(list(of.tau))
    assert line.get_ydata()[:-1] == pytest.approx(list(of.share))
    assert (np.diff(line.get_ydata()) >= 0).all()
    assert axes.get_ylabel() == "share of tasks within τ"
    assert axes.get_ylim()[0] == 0
    assert draw_performance_profile(empty.profiles, styles, "tasks") is None


def test_times_show_every_run_the_median_and_how_many_got_there(three, empty):
    styles = styles_of(three.contenders)
    axes = draw_time_to_target(three.times, three.outcomes, styles).axes[0]
    times = three.times[three.times.task == "digits"].set_index("contender")
    (marker,) = [one for one in axes.lines if one.get_label() == "adam"]
    assert marker.get_xdata() == [times.steps["adam"]]
    assert "sgd" not in [one.get_label() for one in axes.lines]  # fewer than half get there
    shares = [text.get_text() for text in axes.texts]
    assert shares == ["100%", "100%", "30%", "reach it"]
    assert axes.get_xlabel() == "steps to reach 0.95"
    assert draw_time_to_target(empty.times, empty.outcomes, styles) is None


def test_where_no_task_has_a_target_there_is_no_picture_of_times(three):
    untargeted = three.outcomes.assign(steps=np.nan)
    times = three.times.assign(target=np.nan, reached=np.nan, steps=np.nan)
    assert draw_time_to_target(times, untargeted, styles_of(three.contenders)) is None


def test_twelve_contenders_are_all_named(three):
    many = comparisons.many()
    (axes,) = draw_performance_profile(many.profiles, styles_of(many.contenders), "tasks").axes
    names = [text for text in axes.texts if text.get_text()]
    assert {text.get_text() for text in names} == set(many.contenders)
    heights = np.sort([text.xy[1] for text in names])
    assert np.diff(heights).min() * axes.bbox.height * 72 / axes.figure.dpi > 9
