"""Learning curves from the `metrics.csv` of one run or many, as a PNG that reads well in print."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from harness.tracking.events import Curves

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_learning_curves", "mean_curve", "read_metrics"]

# Okabe & Ito, "Color Universal Design" (2008): told apart with every form of colour blindness.
# Without their yellow, which print swallows; black comes last.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
LINES = ("-", "--", ":", "-.")  # the next round of colours gets the next line

TRAINING, VALIDATION = "train/loss", "validation/loss"
SCORES = {  # first that there is -> label of the axis
    "validation/accuracy": "accuracy on validation",
    "validation/r2": "R² on validation",
}
DPI = 130
HIGHEST = 1e100  # of a loss that is shown: the margins of a larger one overflow in matplotlib
LEGIBLE = 12  # groups that a legend holds and colours with lines tell apart


class Curve(NamedTuple):
    """One metric of one run: steps (S,) and values (S,)."""

    steps: np.ndarray
    values: np.ndarray


Run = dict[str, np.ndarray]  # column of metrics.csv -> (epochs,)


def draw_learning_curves(curves: Curves, path: Path) -> None:
    """Draws the loss, and beside it the validation score where there is one.

    A single run shows the loss on training and validation. Of many, each label is a group: faint
    lines for its runs and a strong one for their mean, of the validation loss (of the training loss
    where nothing was held out). Where there are more groups than can be told apart, the best keep their
    colours and the means of the others are grey.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    groups: dict[str, list[Run]] = defaultdict(list)
    for label, file in curves.runs:
        groups[label].append(read_metrics(Path(file)))
    names = {name for runs in groups.values() for run in runs for name in run}
    score = next((name for name in SCORES if name in names), None)

    figure = Figure(figsize=(9.6 if score else 4.8, 3.4), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, 2 if score else 1, squeeze=False)[0]
    if len(curves.runs) == 1:
        (run,) = next(iter(groups.values()))
        _draw_run(axes[0], run, {"train": TRAINING, "validation": VALIDATION}, "loss")
        if score:
            _draw_run(axes[1], run, {"validation": score}, SCORES[score])
    else:
        loss, held_out = (VALIDATION, "validation") if VALIDATION in names else (TRAINING, "train")
        groups = _best_first(groups, score or loss, highest=score is not None)
        _draw_groups(axes[0], groups, loss, f"loss on {held_out}")
        if score:
            _draw_groups(axes[1], groups, score, SCORES[score])
    _finish(axes)
    if curves.title:
        figure.suptitle(curves.title)
    figure.savefig(path)


def read_metrics(path: Path) -> Run:
    """The columns of a metrics.csv, (epochs,) float64 each; an empty cell is NaN."""
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = list(csv.reader(file)) or [[]]
    table = np.array([[float(cell) if cell else np.nan for cell in row] for row in rows])
    return dict(zip(header, table.reshape(-1, len(header)).T, strict=True))


def mean_curve(curves: Sequence[Curve]) -> Curve:
    """The mean over runs. One that stopped early keeps its last finite value, so that a mean does not
    jump when the best or the worst of its runs ends.

    >>> long = Curve(np.array([1, 2]), np.array([4.0, 2.0]))
    >>> short = Curve(np.array([1]), np.array([6.0]))
    >>> mean_curve([long, short]).values.tolist()
    [5.0, 4.0]
    """
    steps = np.unique(np.concatenate([curve.steps for curve in curves]))
    table = np.full((len(curves), len(steps)), np.nan)
    for row, curve in zip(table, curves, strict=True):
        row[np.searchsorted(steps, curve.steps)] = curve.values
        reached = np.flatnonzero(np.isfinite(row))
        if reached.size:
            row[reached[-1] + 1 :] = row[reached[-1]]
    finite = np.isfinite(table)
    count = finite.sum(axis=0)
    total = np.where(finite, table, 0.0).sum(axis=0)
    return Curve(steps[count > 0], total[count > 0] / count[count > 0])


def _draw_run(axes: Axes, run: Run, columns: dict[str, str], label: str) -> None:
    """One line a column, in the colour that its part of the data always has."""
    for colour, (name, column) in zip(_colours(columns), columns.items(), strict=True):
        if column in run:
            axes.plot(run["epoch"], run[column], color=colour, label=name)
    axes.set_ylabel(label)


def _colours(columns: dict[str, str]) -> list[str]:
    return [PALETTE[0] if name == "train" else PALETTE[1] for name in columns]


def _best_first(
    groups: dict[str, list[Run]], column: str, *, highest: bool
) -> dict[str, list[Run]]:
    """In their own order if all are to be shown; else by where their means end."""
    if len(groups) <= LEGIBLE:
        return groups

    def last(label: str) -> float:
        curves = [Curve(run["epoch"], run[column]) for run in groups[label] if column in run]
        values = mean_curve(curves).values if curves else np.empty(0)
        return (-values[-1] if highest else values[-1]) if values.size else np.inf

    return {label: groups[label] for label in sorted(groups, key=last)}


def _draw_groups(axes: Axes, groups: dict[str, list[Run]], column: str, label: str) -> None:
    for number, (name, runs) in enumerate(groups.items()):
        curves = [Curve(run["epoch"], run[column]) for run in runs if column in run]
        if not curves:
            continue
        if number >= LEGIBLE:
            axes.plot(*mean_curve(curves), color="0.75", linewidth=0.6, zorder=1)
            continue
        colour = PALETTE[number % len(PALETTE)]
        line = LINES[number // len(PALETTE) % len(LINES)]
        if len(curves) > 1:
            for curve in curves:
                axes.plot(*curve, color=colour, linestyle=line, linewidth=0.6, alpha=0.35)
        caption = f"{name} ({len(curves)})" if len(curves) > 1 else name
        axes.plot(*mean_curve(curves), color=colour, linestyle=line, linewidth=1.8, label=caption)
    if len(groups) > LEGIBLE:
        axes.plot([], [], color="0.75", label=f"{len(groups) - LEGIBLE} others")
    axes.set_ylabel(label)


def _finish(all_axes: Sequence[Axes]) -> None:
    from matplotlib.ticker import MaxNLocator

    for axes in all_axes:
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color="0.9", linewidth=0.6)
        axes.set_axisbelow(True)
    losses = [line.get_ydata() for line in all_axes[0].lines]
    values = np.concatenate([np.asarray(loss, float) for loss in losses] or [np.ones(1)])
    values = values[np.isfinite(values)]
    if values.size and values.min() > 0 and values.max() > 50 * values.min():
        if values.max() > HIGHEST:
            all_axes[0].set_ylim(values.min() / 2, HIGHEST)
        all_axes[0].set_yscale("log")  # a diverging run would press all others flat
    labelled = all_axes[0].get_legend_handles_labels()
    if len(labelled[0]) > 5:  # beside the axes, where it covers no curve
        all_axes[-1].legend(
            *labelled, frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5)
        )
    elif all_axes[0].lines:
        all_axes[0].legend(frameon=False, fontsize="small")
