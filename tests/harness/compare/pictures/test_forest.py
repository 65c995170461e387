"""Scores and differences with their intervals."""

from __future__ import annotations

from dataclasses import replace

import pytest

import comparisons
from harness.compare.pictures.forest import draw_differences, draw_estimates
from harness.compare.pictures.style import styles_of


def ends(collection):
    return [value for value, _ in collection.get_segments()[0]]


def named(axes):
    return [label.get_text() for label in axes.get_yticklabels()]


def test_scores_are_interquartile_means_of_the_test_part_with_intervals_over_every_run(three):
    c = three
    figure = draw_estimates(c.summary, c.outcomes, c.question, styles_of(c.contenders))
    axes = figure.axes[1]
    assert named(figure.axes[0]) == ["adam", "heavy_ball", "sgd"]
    rows = c.summary[(c.summary.task == "moons") & (c.summary.part == "test")]
    for number, row in enumerate(rows.itertuples()):
        (marker,) = [artist for artist in axes.lines if artist.get_label() == row.contender]
        assert marker.get_xdata() == pytest.approx([row.iqm])
        assert marker.get_ydata() == pytest.approx([number])
        assert ends(axes.collections[number]) == pytest.approx([row.iqm_low, row.iqm_high])
    points = [len(artist.get_xdata()) for artist in axes.lines if artist.get_marker() == "."]
    assert points == [10, 10, 8]  # two of sgd diverged
    assert axes.get_xlabel() == "test accuracy"


def test_without_a_test_part_scores_are_those_on_validation():
    c = comparisons.regression()
    figure = draw_estimates(c.summary, c.outcomes, c.question, styles_of(c.contenders))
    assert figure.axes[0].get_xlabel() == "validation loss (lower is better)"


def test_differences_are_filled_where_the_test_finds_them(three):
    figure = draw_differences(three.pairs, three.question, "adam")
    titles = [axes.get_title("left") for axes in figure.axes]
    assert titles == ["digits", "moons", "all"]
    rows = three.pairs[three.pairs.task == "digits"]
    axes = figure.axes[0]
    assert named(axes) == ["adam − heavy_ball", "adam − sgd", "heavy_ball − sgd"]
    points = [artist for artist in axes.lines if artist.get_marker() == "o"]
    assert [artist.get_xdata()[0] for artist in points] == pytest.approx(list(rows.difference))
    filled = [artist.get_markerfacecolor() != "white" for artist in points]
    assert filled == list(rows.p_holm < 0.05)
    assert True in filled
    assert False in filled
    for row, lines in zip(rows.itertuples(), axes.collections, strict=True):
        assert ends(lines) == pytest.approx([row.low, row.high])


def test_of_too_many_pairs_those_with_the_best_are_shown_from_its_side():
    many = comparisons.many(6)
    figure = draw_differences(many.pairs, many.question, "heavy_ball")
    axes = figure.axes[0]
    assert len(named(axes)) == 5
    assert all(name.startswith("heavy_ball − ") for name in named(axes))
    pairs = many.pairs[(many.pairs.task == "digits") & (many.pairs.b == "heavy_ball")]
    row = named(axes).index("heavy_ball − adam")
    (point,) = [o for o in axes.lines if o.get_marker() == "o" and o.get_ydata()[0] == row]
    flipped = -pairs[pairs.a == "adam"].difference.iloc[0]
    assert point.get_xdata()[0] == pytest.approx(flipped)


def test_the_better_side_is_on_the_right_for_a_loss_too():
    loss = comparisons.regression()
    (axes,) = draw_differences(loss.pairs, loss.question, "adam").axes
    assert axes.xaxis_inverted()
    assert axes.get_xlabel() == "difference in validation loss"


def test_without_scores_there_is_no_picture(two, empty):
    c = replace(two, summary=empty.summary, pairs=empty.pairs)
    assert draw_estimates(c.summary, c.outcomes, c.question, styles_of(c.contenders)) is None
    assert draw_differences(c.pairs, c.question, None) is None
