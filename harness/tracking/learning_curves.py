"""The picture of learning curves, of one run or many: a PNG that reads well in print."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.evaluation.metrics import PRIMARY
from harness.tracking.curves import (
    LEGIBLE,
    PALETTE,
    Curve,
    draw_group,
    mean_curve,
    new_figure,
    style_axes,
)
from harness.tracking.events import Curves
from harness.tracking.metrics_csv import Columns, read_metrics

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_learning_curves"]

TRAINING, VALIDATION = "train/loss", "validation/loss"
SCORES = {  # column -> label of the axis; the first that is there is drawn
    f"validation/{metric.name}": f"{metric.label} on validation" for metric in PRIMARY
}
HIGHEST = 1e100  # loss that is shown: the margins of a larger one overflow in Matplotlib


def draw_learning_curves(curves: Curves, path: Path) -> None:
    """Draws the loss, and beside it the validation score if there is one.

    A single run shows the loss on training and validation. Of several runs, each label is a group: faint
    lines for its runs and a strong one for their mean, of the validation loss (of the training loss if
    nothing was held out). If there are more groups than remain distinct, the best keep their colours and
    the means of the others are grey.

    Args:
        curves: Curves to draw, with paths of metrics.csv that can be opened.
        path: Path of the PNG.
    """
    groups: dict[str, list[Columns]] = defaultdict(list)
    for label, file in curves.runs:
        groups[label].append(read_metrics(Path(file)))
    names = {name for runs in groups.values() for run in runs for name in run}
    score = next((name for name in SCORES if name in names), None)

    figure = new_figure(9.6 if score else 4.8, 3.4)
    axes = figure.subplots(1, 2 if score else 1, squeeze=False)[0]
    if len(curves.runs) == 1:
        (run,) = next(iter(groups.values()))
        _draw_run(axes[0], run, {"train": TRAINING, "validation": VALIDATION}, "loss")
        if score:
            _draw_run(axes[1], run, {"validation": score}, SCORES[score])
    else:
        loss, part = (VALIDATION, "validation") if VALIDATION in names else (TRAINING, "train")
        groups = _best_first(groups, score or loss, highest=score is not None)
        _draw_groups(axes[0], groups, loss, f"loss on {part}")
        if score:
            _draw_groups(axes[1], groups, score, SCORES[score])
    _finish(axes)
    if curves.title:
        figure.suptitle(curves.title)
    figure.savefig(path)


def _draw_run(axes: Axes, run: Columns, columns: dict[str, str], label: str) -> None:
    """One line for each of `columns`: name of the part of the data -> column."""
    for part, column in columns.items():
        if column in run:
            colour = PALETTE[0] if part == "train" else PALETTE[1]
            axes.plot(run["epoch"], run[column], color=colour, label=part)
    axes.set_ylabel(label)


def _best_first(
    groups: dict[str, list[Columns]], column: str, *, highest: bool
) -> dict[str, list[Columns]]:
    """Sorted by where their means end; in their own order if all can be drawn in colour."""
    if len(groups) <= LEGIBLE:
        return groups

    def cost(label: str) -> float:
        curves = _curves(groups[label], column)
        values = mean_curve(curves).values if curves else np.empty(0)
        return (-values[-1] if highest else values[-1]) if values.size else np.inf

    return {label: groups[label] for label in sorted(groups, key=cost)}


def _draw_groups(axes: Axes, groups: dict[str, list[Columns]], column: str, label: str) -> None:
    for number, (name, runs) in enumerate(groups.items()):
        curves = _curves(runs, column)
        if not curves:
            continue
        if number >= LEGIBLE:
            axes.plot(*mean_curve(curves), color="0.75", linewidth=0.6, zorder=1)
            continue
        draw_group(axes, number, curves, f"{name} ({len(curves)})" if len(curves) > 1 else name)
    if len(groups) > LEGIBLE:
        axes.plot([], [], color="0.75", label=f"{len(groups) - LEGIBLE} others")
    axes.set_ylabel(label)


def _curves(runs: Sequence[Columns], column: str) -> list[Curve]:
    return [Curve(run["epoch"], run[column]) for run in runs if column in run]


def _finish(all_axes: Sequence[Axes]) -> None:
    from matplotlib.ticker import MaxNLocator

    for axes in all_axes:
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        style_axes(axes)
    losses = [line.get_ydata() for line in all_axes[0].lines]
    values = np.concatenate([np.asarray(loss, float) for loss in losses] or [np.ones(1)])
    values = values[np.isfinite(values)]
    if values.size and values.min() > 0 and values.max() > 50 * values.min():
        if values.max() > HIGHEST:
            all_axes[0].set_ylim(values.min() / 2, HIGHEST)
        all_axes[0].set_yscale("log")  # a diverging run would press all others flat
    labelled = all_axes[0].get_legend_handles_labels()
    if len(labelled[0]) > 5:  # beside the axes, where the legend covers no curve
        all_axes[-1].legend(
            *labelled, frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5)
        )
    elif all_axes[0].lines:
        all_axes[0].legend(frameon=False, fontsize="small")
