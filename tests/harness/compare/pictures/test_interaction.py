"""Means and effects of two factors."""

from __future__ import annotations

import pytest

from harness.compare.pictures.interaction import draw_interaction


def test_interaction_shows_means_as_lines_and_effects_with_intervals(factors, empty):
    means, effects = draw_interaction(factors.interaction, factors.question).axes
    of = factors.interaction[factors.interaction.row == "sgd"]
    (line,) = [artist for artist in means.lines if artist.get_label() == "sgd"]
    assert line.get_ydata() == pytest.approx(list(of["mean"]))
    points = [artist for artist in effects.lines if artist.get_marker() == "s"]
    assert points[0].get_ydata() == pytest.approx(list(of.effect))
    segments = effects.collections[1].get_segments()
    lows, highs = zip(*[(a[1], b[1]) for a, b in segments], strict=True)
    assert lows == pytest.approx(list(of.low))
    assert highs == pytest.approx(list(of.high))
    assert means.get_xlabel() == "initializer"
    assert draw_interaction(empty.interaction, empty.question) is None
