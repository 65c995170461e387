from __future__ import annotations

import numpy as np
import pytest

from harness.tracking.events import Curves
from harness.tracking.metrics_csv import write_metrics
from harness.tracking.rate_range import draw_range_test, suggested_rates, suggested_rates_of_run

RATES = np.logspace(-6, 1, 100)


def curve(falls_at, rises_at, noise=0.0):
    """From 2.5 down to 0.2 along a logistic curve whose middle is `falls_at`, then up like a power."""
    x = np.log10(RATES)
    fall = 0.2 + 2.3 / (1 + np.exp(5 * (x - np.log10(falls_at))))
    rise = np.where(rises_at < RATES, (RATES / rises_at) ** 3 - 1, 0)
    return fall + rise + noise * np.random.default_rng(0).normal(size=100)


def write(folder, losses, rates=RATES):
    folder.mkdir(parents=True)
    rows = [
        (epoch, {"train/loss": loss, "train/lr": rate})
        for epoch, (loss, rate) in enumerate(zip(losses, rates, strict=False), 1)
    ]
    write_metrics(folder, rows)
    return str(folder / "metrics.csv")


def figure_of(curves, path, monkeypatch):
    from matplotlib.figure import Figure

    saved = []
    monkeypatch.setattr(Figure, "savefig", lambda self, _: saved.append(self))
    draw_range_test(curves, path)
    return saved[0]


@pytest.mark.parametrize("noise", [0.0, 0.1])
@pytest.mark.parametrize("falls_at", [1e-4, 1e-2, 0.1])
def test_the_middle_of_the_fall_and_the_start_of_the_rise_are_found(falls_at, noise):
    """A logistic curve is steepest in its middle. Within a third of a decade, noise or not."""
    rates = suggested_rates(RATES, curve(falls_at, rises_at=1.0, noise=noise))
    assert abs(np.log10(rates["rate/steepest"] / falls_at)) < 1 / 3
    assert falls_at < rates["rate/lowest"] < 1.3


def test_noise_at_the_smallest_rate_is_no_descent():
    losses = curve(1e-2, rises_at=1.0)
    losses[0] += 0.4  # the loss of three batches more or less
    assert 5e-3 < suggested_rates(RATES, losses)["rate/steepest"] < 2e-2


@pytest.mark.parametrize("end", [np.nan, np.inf, 1e308])
def test_a_run_that_blows_up_at_the_end_is_read_up_to_there(end):
    losses = curve(1e-2, rises_at=1.0)
    expected = suggested_rates(RATES, losses)
    losses[95:] = end
    assert suggested_rates(RATES, losses) == expected


@pytest.mark.parametrize(
    ("rates", "losses"),
    [
        (RATES, np.linspace(1, 2, 100)),  # it never falls
        (RATES[::-1], curve(1e-2, 1.0)),
        (np.full(100, 0.1), curve(1e-2, 1.0)),  # no range test at all
        (RATES[:2], np.array([2.0, 1.0])),
        (RATES, np.full(100, np.nan)),
        (np.empty(0), np.empty(0)),
    ],
)
def test_where_nothing_can_be_read_off_nothing_is_suggested(rates, losses):
    assert suggested_rates(rates, losses) == {}


def test_the_rows_of_a_run_give_the_same():
    losses = curve(1e-2, 1.0)
    pairs = enumerate(zip(losses.tolist(), RATES.tolist(), strict=True), 1)
    rows = [(epoch, {"train/loss": loss, "train/lr": rate}) for epoch, (loss, rate) in pairs]
    assert suggested_rates_of_run(rows) == suggested_rates(RATES, losses)


def test_one_run_is_drawn_over_a_logarithmic_rate_with_its_suggestions(tmp_path, monkeypatch):
    losses = curve(1e-2, 1.0)
    path = write(tmp_path / "a", losses)
    (axes,) = figure_of(Curves([("a", path)]), tmp_path / "x.png", monkeypatch).axes
    line, steepest, lowest = axes.lines
    assert (axes.get_xscale(), axes.get_xlabel()) == ("log", "learning rate")
    np.testing.assert_array_equal(line.get_xdata(), RATES)
    np.testing.assert_array_equal(line.get_ydata(), losses)
    rates = suggested_rates(RATES, losses)
    assert steepest.get_xdata().tolist() == [rates["rate/steepest"]]
    assert lowest.get_xdata().tolist() == [rates["rate/lowest"]]
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert texts == [
        f"steepest descent at {rates['rate/steepest']:.3g}",
        f"lowest loss at {rates['rate/lowest']:.3g}",
    ]
    assert 2.5 < axes.get_ylim()[1] < 4  # though the last loss is 999


def test_a_range_that_ends_too_early_says_so(tmp_path, monkeypatch):
    path = write(tmp_path / "a", curve(1e-2, 1.0)[:70])  # up to 0.08
    (axes,) = figure_of(Curves([("a", path)]), tmp_path / "x.png", monkeypatch).axes
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert texts[1] == f"lowest loss, and no rise, at {RATES[69]:.3g}"


def test_runs_of_one_group_are_drawn_faintly_under_their_mean(tmp_path, monkeypatch):
    first, second, other = curve(1e-2, 1.0), curve(1e-2, 1.0) + 0.5, curve(1e-3, 1.0)
    paths = [
        ("sgd", write(tmp_path / "1", first)),
        ("adam", write(tmp_path / "2", other)),
        ("sgd", write(tmp_path / "3", second[:90])),  # it diverged
    ]
    (axes,) = figure_of(Curves(paths), tmp_path / "x.png", monkeypatch).axes
    first_line, second_line, mean, *_ = axes.lines
    assert first_line.get_alpha() == second_line.get_alpha() < 0.5
    np.testing.assert_allclose(mean.get_ydata()[:90], (first + second)[:90] / 2)
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert [text for text in texts if " at " not in text] == ["sgd", "adam"]


@pytest.mark.parametrize("losses", [[], [np.nan, np.inf], [0.5], [-1.0, -2.0, -3.0], [1e308, 2.0]])
def test_every_run_makes_a_picture(tmp_path, losses):
    path = write(tmp_path / "a", losses or [1.0])
    if not losses:
        (tmp_path / "a" / "metrics.csv").write_text("epoch,train/loss\n")
    draw_range_test(Curves([("a", path)], title="a run"), tmp_path / "x.png")
    assert (tmp_path / "x.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
