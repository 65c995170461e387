import numpy as np
import pytest

from harness.compare.pictures.learning_curves import draw_learning_curves
from harness.compare.pictures.style import styles_of


def draw(comparison):
    c = comparison
    return draw_learning_curves(c.curves, c.outcomes, c.question, styles_of(c.contenders))


def line(axes, label):
    (match,) = [artist for artist in axes.lines if artist.get_label() == label]
    return match


def test_a_line_is_the_median_over_seeds_where_ended_runs_keep_their_last_value(two):
    (axes,) = draw(two).axes
    of = two.curves[two.curves.contender == "sgd"]
    runs = [run.sort_values("steps") for _, run in of.groupby("run_id")]
    for steps, median in zip(*line(axes, "sgd").get_data(), strict=True):
        values = [run[run.steps <= steps].validation.iloc[-1] for run in runs]
        assert median == pytest.approx(np.median(values))
    assert axes.get_xlabel() == "steps"
    assert axes.get_ylabel() == "validation accuracy"


def test_the_band_is_between_the_quartiles(two):
    (axes,) = draw(two).axes
    band = axes.collections[0].get_paths()[0].vertices
    first = two.curves[(two.curves.contender == "adam") & (two.curves.steps == 45)].validation
    at_first = band[band[:, 0] == 45][:, 1]
    assert at_first.min() == pytest.approx(np.quantile(first, 0.25))
    assert at_first.max() == pytest.approx(np.quantile(first, 0.75))


def test_names_stand_beside_the_ends_of_the_lines(two):
    (axes,) = draw(two).axes
    assert {text.get_text() for text in axes.texts} - {""} == {"adam", "sgd"}


def test_diverged_runs_are_in_no_line_but_counted_and_marked(three):
    figure = draw(three)
    assert [axes.get_title("left") for axes in figure.axes] == ["digits", "moons"]
    (legend,) = figure.legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts == ["adam", "heavy_ball", "sgd (4 of 20 diverged)"]
    lost = three.outcomes[three.outcomes.diverged & (three.outcomes.task == "digits")]
    of = three.curves[three.curves.run_id.isin(lost.run_id)]
    crosses = [artist for artist in figure.axes[0].lines if artist.get_marker() == "x"]
    marked = sorted(step for artist in crosses for step in artist.get_xdata())
    assert marked == sorted(of.groupby("run_id").steps.max())
    assert len(marked) == 2
    alive = three.curves[
        (three.curves.task == "digits")
        & (three.curves.contender == "sgd")
        & ~three.curves.run_id.isin(lost.run_id)
    ]
    start = line(figure.axes[0], "sgd").get_ydata()[0]
    assert start == pytest.approx(alive[alive.steps == 45].validation.median())


def test_without_curves_there_is_no_picture(empty):
    assert draw(empty) is None
