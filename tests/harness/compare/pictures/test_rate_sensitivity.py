from itertools import pairwise

import numpy as np
import pytest
from pandas import concat

from harness.compare.pictures.rate_sensitivity import draw_rate_sensitivity
from harness.compare.pictures.style import styles_of


def draw(comparison, trials=None):
    c = comparison
    return draw_rate_sensitivity(
        c.trials if trials is None else trials, c.question, styles_of(c.contenders)
    )


def labelled(axes):
    return {
        artist.get_label(): artist for artist in axes.lines if artist.get_label() in ("adam", "sgd")
    }


def test_a_grid_is_a_line_through_the_mean_of_each_rate(two):
    scores, _ = draw(two).axes
    trials = two.trials[two.trials.contender == "sgd"]
    expected = trials.groupby("optimizer.lr").validation.mean().dropna()
    rates, means = labelled(scores)["sgd"].get_data()
    assert rates == pytest.approx(expected.index)
    assert means == pytest.approx(expected.to_numpy())
    assert scores.get_xscale() == "log"


def test_of_several_settings_at_a_rate_the_best_counts(two):
    worse = two.trials.assign(
        setting=two.trials.setting + " other", validation=two.trials.validation - 0.5
    )
    both = two.trials.assign(**{"optimizer.beta": 0.9})
    trials = concat([both, worse.assign(**{"optimizer.beta": 0.5})], ignore_index=True)
    alone, _ = draw(two).axes
    scores, _ = draw(two, trials).axes
    for name, line in labelled(alone).items():
        np.testing.assert_allclose(labelled(scores)[name].get_xydata(), line.get_xydata())


def test_the_strip_marks_rates_where_every_run_diverged_and_where_some_did(two):
    _, strip = draw(two).axes
    shares = two.trials[two.trials.contender == "adam"].groupby("optimizer.lr").diverged.mean()
    every = next(artist for artist in strip.lines if artist.get_marker() == "x")
    some = next(artist for artist in strip.lines if artist.get_marker() == ".")
    assert every.get_xdata() == pytest.approx(shares[shares == 1].index)
    assert some.get_xdata() == pytest.approx(shares[(shares > 0) & (shares < 1)].index)
    assert len(every.get_xdata()) == len(some.get_xdata()) == 1
    assert [label.get_text() for label in strip.get_yticklabels()] == ["adam", "sgd"]


def test_quasi_random_rates_are_points_under_the_best_of_each_stretch(three):
    scores = draw(three).axes[0]
    trials = three.trials[(three.trials.task == "digits") & (three.trials.contender == "sgd")]
    (line,) = [artist for artist in scores.lines if artist.get_label() == "sgd"]
    (points,) = [
        artist
        for artist in scores.lines
        if artist.get_marker() == "^" and artist.get_linestyle() == "None"
    ]
    assert len(points.get_xdata()) == trials.setting.nunique()
    assert 4 <= len(line.get_xdata()) <= 6
    assert set(line.get_xydata()[:, 1]) <= set(points.get_xydata()[:, 1])
    assert line.get_ydata().max() == points.get_ydata().max()
    rates = line.get_xdata()
    for low, high in pairwise(rates):
        between = (points.get_xdata() > low) & (points.get_xdata() < high)
        assert points.get_ydata()[between].max(initial=0) <= max(line.get_ydata())


def test_a_loss_has_its_best_at_the_bottom():
    import comparisons

    c = comparisons.regression()
    scores = draw(c).axes[0]
    assert scores.get_ylabel() == "validation loss (lower is better)"
    expected = c.trials[c.trials.contender == "adam"].groupby("optimizer.lr").validation.mean()
    assert labelled(scores)["adam"].get_ydata().min() == pytest.approx(expected.min())


def test_there_is_no_picture_without_two_rates(two, empty):
    few = two.trials[two.trials["optimizer.lr"] == two.trials["optimizer.lr"].iloc[0]]
    assert draw(two, few) is None
    assert draw(two, two.trials.drop(columns="optimizer.lr")) is None
    assert draw(two, two.trials.assign(**{"optimizer.lr": "fast"})) is None
    assert draw(empty) is None
