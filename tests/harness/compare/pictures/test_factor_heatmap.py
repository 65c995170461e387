"""Two factors as a picture."""

from __future__ import annotations

import pytest

from harness.compare.pictures.factor_heatmap import draw_factor_heatmap


def test_two_factors_are_a_table_in_colour(factors, empty):
    (axes,) = draw_factor_heatmap(factors.interaction, factors.question).axes
    (image,) = axes.images
    assert [label.get_text() for label in axes.get_yticklabels()] == ["adam", "sgd"]
    levels = ["he_normal", "glorot_uniform", "zeros"]
    assert [label.get_text() for label in axes.get_xticklabels()] == levels
    means = factors.interaction.set_index(["row", "column"])["mean"]
    assert image.get_array()[1, 0] == pytest.approx(means["sgd", "he_normal"])
    assert draw_factor_heatmap(empty.interaction, empty.question) is None
