"""The learning-rate range test: the loss against the rate, and the rates that it suggests.

Smith, "Cyclical Learning Rates for Training Neural Networks" (2017), section 3.3, lets the rate rise
in one run and reads off where learning sets in and where it stops getting better. Here two rates are
read off: that of the steepest descent of the loss over the logarithm of the rate (by lines fitted to
an eighth of the epochs each), and that of the lowest loss (of a running mean of five epochs), beyond
which it rises. Each rate starts from what the rates before it have reached, so they are a place to
start from and no optimum.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from harness.tracking.events import Curves
from harness.tracking.learning_curves import (
    DPI,
    LEGIBLE,
    LINES,
    PALETTE,
    Curve,
    mean_curve,
    read_metrics,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_range_test", "suggested", "suggested_by"]

RATE, LOSS = "train/lr", "train/loss"
STEEPEST, LOWEST = "rate/steepest", "rate/lowest"
WINDOW = 5  # epochs of the running mean
HUGE = 1e100  # a loss that is off every picture; near 1e308 Matplotlib would overflow


def suggested(rates: np.ndarray, losses: np.ndarray) -> dict[str, float]:
    """The rates of the steepest descent and of the lowest loss, by name.

    rates, losses: (E,), the rates rising. Epochs whose loss is not finite are left out. Empty where the
    loss never falls, or the rates do not rise: there is nothing to read off.

    >>> rates = 10.0 ** np.arange(-4, 3)
    >>> suggested(rates, np.array([2.0, 2.0, 2.0, 1.0, 0.0, 0.0, 99.0]))
    {'rate/steepest': 0.01, 'rate/lowest': 0.1}
    """
    good = np.isfinite(losses) & (rates > 0)
    rates, losses = rates[good], losses[good]
    if len(rates) < 3 or (np.diff(rates) <= 0).any():
        return {}
    lowest = int(np.argmin(_running_mean(losses)))
    if not lowest:
        return {}
    width = min(max(len(rates) // 8, 3), lowest + 1)
    windows = [sliding_window_view(v[: lowest + 1], width) for v in (np.log10(rates), losses)]
    x, y = (w - w.mean(axis=1, keepdims=True) for w in windows)
    slopes = (x * y).sum(axis=1) / (x * x).sum(axis=1)  # by least squares
    steepest = int(np.argmin(slopes)) + width // 2
    return {STEEPEST: float(rates[steepest]), LOWEST: float(rates[lowest])}


def suggested_by(rows: Sequence[tuple[int, Mapping[str, float]]]) -> dict[str, float]:
    """The same from (epoch, values by metric) of a run."""
    return suggested(*(np.array([values[name] for _, values in rows]) for name in (RATE, LOSS)))


def draw_range_test(curves: Curves, path: Path) -> None:
    """Draws the training loss against the rate; runs with the same label are one group, with its
    mean."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    groups: dict[str, list[Curve]] = defaultdict(list)
    for label, file in curves.runs:
        run = read_metrics(Path(file))
        if RATE in run and LOSS in run:
            drawable = np.abs(run[LOSS]) < HUGE  # false for NaN
            groups[label].append(Curve(run[RATE], np.where(drawable, run[LOSS], np.nan)))
    figure = Figure(figsize=(6.4, 4.0), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for number, (label, runs) in enumerate(list(groups.items())[:LEGIBLE]):
        _draw_group(axes, number, label if len(groups) > 1 else "", runs)
    _finish(axes, [curve for runs in groups.values() for curve in runs])
    if curves.title:
        figure.suptitle(curves.title)
    figure.savefig(path)


def _draw_group(axes: Axes, number: int, label: str, runs: Sequence[Curve]) -> None:
    colour, line = PALETTE[number % len(PALETTE)], LINES[number // len(PALETTE) % len(LINES)]
    mean = mean_curve(runs)
    if len(runs) > 1:
        for run in runs:
            axes.plot(*run, color=colour, linestyle=line, linewidth=0.6, alpha=0.35)
    axes.plot(*mean, color=colour, linestyle=line, linewidth=1.8, label=label)
    for name, rate in suggested(*mean).items():
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
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    finite = [run.values[np.isfinite(run.values)] for run in runs]
    # What is left of the lowest point is what matters; behind it a loss may grow without bounds
    tops = [values[: np.argmin(values) + 1].max() for values in finite if values.size]
    if tops and max(tops) > 0:
        axes.set_ylim(0, 1.25 * max(tops))
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize="small")


def _running_mean(values: np.ndarray) -> np.ndarray:
    """Of up to WINDOW values around each, fewer at the ends and as many on both sides."""
    last = len(values) - 1
    reach = [min(WINDOW // 2, place, last - place) for place in range(last + 1)]
    with np.errstate(over="ignore"):  # a loss may be as large as a float can be
        return np.array([values[n - r : n + r + 1].mean() for n, r in enumerate(reach)])
