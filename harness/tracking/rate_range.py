"""The learning-rate range test: the loss against the rate, and the rates that it suggests.

Smith, "Cyclical Learning Rates for Training Neural Networks" (2017), section 3.3, lets the rate rise
in one run and reads off where learning sets in and where it stops getting better. Here two rates are
read off: that of the steepest descent of the loss over the logarithm of the rate (by lines fitted to
an eighth of the epochs each), and that of the lowest loss (of a running mean of five epochs), after
which the loss rises. Each rate continues from what the rates before it have reached, so both are
starting points and no optimum.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from harness.tracking.curves import LEGIBLE, Curve, draw_group, mean_curve, new_figure, style_axes
from harness.tracking.events import Curves
from harness.tracking.metrics_csv import read_metrics

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_range_test", "suggested_rates", "suggested_rates_of_run"]

RATE, LOSS = "train/lr", "train/loss"
STEEPEST, LOWEST = "rate/steepest", "rate/lowest"
WINDOW = 5  # epochs of the running mean
HUGE = 1e100  # losses above it are not drawn: near 1e308 Matplotlib would overflow


def suggested_rates(rates: np.ndarray, losses: np.ndarray) -> dict[str, float]:
    """The rates of the steepest descent and of the lowest loss.

    Args:
        rates: Learning rate of each epoch, (E,), rising.
        losses: Loss of each epoch, (E,); epochs whose loss is not finite are left out.

    Returns:
        The rates by name; empty if the loss never falls or the rates do not rise.

    >>> rates = 10.0 ** np.arange(-4, 3)
    >>> suggested_rates(rates, np.array([2.0, 2.0, 2.0, 1.0, 0.0, 0.0, 99.0]))
    {'rate/steepest': 0.01, 'rate/lowest': 0.1}
    """
    usable = np.isfinite(losses) & (rates > 0)
    rates, losses = rates[usable], losses[usable]
    if len(rates) < 3 or (np.diff(rates) <= 0).any():
        return {}
    lowest = int(np.argmin(_running_mean(losses)))
    if not lowest:
        return {}
    width = min(max(len(rates) // 8, 3), lowest + 1)
    windows = [sliding_window_view(v[: lowest + 1], width) for v in (np.log10(rates), losses)]
    x, y = (w - w.mean(axis=1, keepdims=True) for w in windows)
    slopes = (x * y).sum(axis=1) / (x * x).sum(axis=1)  # of lines by least squares
    steepest = int(np.argmin(slopes)) + width // 2
    return {STEEPEST: float(rates[steepest]), LOWEST: float(rates[lowest])}


def suggested_rates_of_run(rows: Sequence[tuple[int, Mapping[str, float]]]) -> dict[str, float]:
    """`suggested_rates` of a run, from (epoch, values by metric) of each of its epochs."""
    return suggested_rates(
        *(np.array([values[name] for _, values in rows]) for name in (RATE, LOSS))
    )


def draw_range_test(curves: Curves, path: Path) -> None:
    """Draws the training loss against the rate, with the suggested rates.

    Runs with the same label are one group: faint lines and a strong one for their mean.

    Args:
        curves: Curves to draw, with paths of metrics.csv that can be opened.
        path: Path of the PNG.
    """
    groups: dict[str, list[Curve]] = defaultdict(list)
    for label, file in curves.runs:
        run = read_metrics(Path(file))
        if RATE in run and LOSS in run:
            drawable = np.abs(run[LOSS]) < HUGE  # false for NaN
            groups[label].append(Curve(run[RATE], np.where(drawable, run[LOSS], np.nan)))
    figure = new_figure(6.4, 4.0)
    axes = figure.subplots()
    for number, (label, runs) in enumerate(list(groups.items())[:LEGIBLE]):
        colour = draw_group(axes, number, runs, label if len(groups) > 1 else "")
        _mark_suggestions(axes, mean_curve(runs), colour)
    _finish(axes, [curve for runs in groups.values() for curve in runs])
    if curves.title:
        figure.suptitle(curves.title)
    figure.savefig(path)


def _mark_suggestions(axes: Axes, mean: Curve, colour: str) -> None:
    for name, rate in suggested_rates(*mean).items():
        words = {STEEPEST: "steepest descent", LOWEST: "lowest loss"}[name]
        if rate == mean.steps[-1]:
            words += ", and no rise,"  # the range ends too early
        axes.plot(
            [rate],
            [mean.values[mean.steps == rate][0]],
            color=colour,
            marker={STEEPEST: "v", LOWEST: "o"}[name],
            linestyle="none",
            label=f"{words} at {rate:.3g}",
        )


def _finish(axes: Axes, runs: Sequence[Curve]) -> None:
    axes.set_xscale("log")
    axes.set_xlabel("learning rate")
    axes.set_ylabel("loss on train, mean of an epoch")
    style_axes(axes)
    finite = [run.values[np.isfinite(run.values)] for run in runs]
    # The curve up to its lowest point must be seen; after it a loss may grow without bounds
    tops = [values[: np.argmin(values) + 1].max() for values in finite if values.size]
    if tops and max(tops) > 0:
        axes.set_ylim(0, 1.25 * max(tops))
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize="small")


def _running_mean(values: np.ndarray) -> np.ndarray:
    """The mean of up to WINDOW values around each: as many on both sides, so fewer at the ends."""
    last = len(values) - 1
    reach = [min(WINDOW // 2, i, last - i) for i in range(last + 1)]
    with np.errstate(over="ignore"):  # a loss may be as large as a float can be
        return np.array([values[i - r : i + r + 1].mean() for i, r in enumerate(reach)])
