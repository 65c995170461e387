"""Two hyperparameters as a picture."""

from __future__ import annotations

import numpy as np
import pytest
from pandas import DataFrame

from harness.compare.pictures.heatmap import draw_heatmap
from harness.compare.pictures.trials import varied
from harness.evaluation.metrics import LOSS


@pytest.fixture
def grid():
    """Two rates by three sizes of a batch; one cell diverged, of another one of two runs."""
    rows = [
        (
            "adam",
            "digits",
            f"{lr} {size}",
            seed,
            "r",
            "finished",
            False,
            0.9 + lr + size / 1e4,
            lr,
            size,
            "same",
        )
        for lr in (0.01, 0.1)
        for size in (16, 32, 64)
        for seed in (0, 1)
    ]
    fixed = ["contender", "task", "setting", "seed", "run_id", "status", "diverged", "validation"]
    table = DataFrame(rows, columns=[*fixed, "optimizer.lr", "batch_size", "activation"])
    lost = (table["optimizer.lr"] == 0.1) & (
        (table.batch_size == 64) | (table.batch_size == 32) & (table.seed == 0)
    )
    table.loc[lost, ["diverged", "validation"]] = [True, np.nan]
    return table


def test_a_grid_is_cells_over_the_two_hyperparameters_with_most_values(grid, two):
    assert varied(grid) == ["batch_size", "optimizer.lr"]
    axes = draw_heatmap(grid, two.question, ["adam"], "digits").axes[0]
    (image,) = axes.images
    expected = [[0.9116, 0.9132, 0.9164], [1.0016, 1.0032, np.nan]]
    np.testing.assert_allclose(image.get_array().filled(np.nan), expected)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("batch_size", "lr")
    assert [label.get_text() for label in axes.get_xticklabels()] == ["16", "32", "64"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["0.01", "0.1"]
    assert not axes.yaxis_inverted()


def test_only_the_cell_where_every_run_diverged_is_crossed_out(grid, two):
    axes = draw_heatmap(grid, two.question, ["adam"], "digits").axes[0]
    crosses = [artist.get_xydata().tolist() for artist in axes.lines if artist.get_marker() == "x"]
    assert crosses == [[[2, 1]]]


def test_light_is_good_for_a_loss_too(grid, two):
    from dataclasses import replace

    def shades(question):
        (image,) = draw_heatmap(grid, question, ["adam"], "digits").axes[0].images
        return image.to_rgba(image.get_array())[0, :, :3].sum(axis=-1)

    more, less = shades(two.question), shades(replace(two.question, metric=LOSS))
    assert more[0] < more[2]
    assert less[0] > less[2]


def test_quasi_random_settings_are_points_on_log_axes(three):
    figure = draw_heatmap(three.trials, three.question, three.contenders, "digits")
    panels = [axes for axes in figure.axes if axes.get_title("left")]
    assert [axes.get_title("left") for axes in panels] == ["heavy_ball", "sgd"]  # adam has one
    of = three.trials[(three.trials.task == "digits") & (three.trials.contender == "sgd")]
    (points,) = panels[1].collections
    assert len(points.get_offsets()) == of.setting.nunique()
    assert panels[1].get_xscale() == "log"


def test_one_hyperparameter_makes_no_heatmap(two, empty):
    assert draw_heatmap(two.trials, two.question, two.contenders, "digits") is None
    assert draw_heatmap(empty.trials, empty.question, (), "digits") is None
