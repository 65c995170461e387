"""What a budget for tuning buys."""

from __future__ import annotations

import pytest

from harness.compare.pictures.expected_best import draw_expected_best
from harness.compare.pictures.style import styles_of


def test_the_expected_best_is_drawn_against_k_with_its_band(two):
    figure = draw_expected_best(two.budget, two.question, styles_of(two.contenders))
    (axes,) = figure.axes
    of = two.budget[two.budget.contender == "sgd"]
    (line,) = [artist for artist in axes.lines if artist.get_label() == "sgd"]
    assert line.get_xdata().tolist() == list(of.k)
    assert line.get_ydata() == pytest.approx(list(of.expected))
    heights = axes.collections[1].get_paths()[0].vertices[:, 1]
    assert heights.min() == pytest.approx(of.low.min())
    assert heights.max() == pytest.approx(of.high.max())
    assert axes.get_xlabel() == "trials k"


def test_one_trial_is_no_budget(two, empty):
    styles = styles_of(two.contenders)
    assert draw_expected_best(two.budget[two.budget.k == 1], two.question, styles) is None
    assert draw_expected_best(empty.budget, empty.question, {}) is None
