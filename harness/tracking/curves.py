"""What the pictures of curves share: colours, figure and axes, and a group of runs with its mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["LEGIBLE", "PALETTE", "Curve", "draw_group", "mean_curve", "new_figure", "style_axes"]

# Okabe & Ito, "Color Universal Design" (2008): distinct with every form of colour blindness.
# Without their yellow, which print swallows; black comes last.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
LINES = ("-", "--", ":", "-.")  # each round of colours has its own line

DPI = 130
LEGIBLE = 12  # groups that fit into a legend and stay distinct


class Curve(NamedTuple):
    """One metric of one run.

    Attributes:
        steps: Steps of the values, (S,), rising.
        values: Values of the metric, (S,).
    """

    steps: np.ndarray
    values: np.ndarray


def mean_curve(curves: Sequence[Curve]) -> Curve:
    """The mean over runs.

    A run that stopped early keeps its last finite value: otherwise the mean would jump when the best or
    the worst run ends.

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


def new_figure(width: float, height: float) -> Any:
    """A figure without pyplot, whose state is global. Sizes are in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def style_axes(axes: Axes) -> None:
    """A light grid behind the curves, and no frame at the top and on the right."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)


def draw_group(axes: Axes, number: int, curves: Sequence[Curve], label: str) -> str:
    """Draws the mean of some runs, over a faint line for each where there are several.

    Args:
        axes: Axes to draw into.
        number: Number of the group, which decides colour and line.
        curves: Curve of each run.
        label: Label of the mean in the legend.

    Returns:
        The colour.
    """
    colour, line = PALETTE[number % len(PALETTE)], LINES[number // len(PALETTE) % len(LINES)]
    if len(curves) > 1:
        for curve in curves:
            axes.plot(*curve, color=colour, linestyle=line, linewidth=0.6, alpha=0.35)
    axes.plot(*mean_curve(curves), color=colour, linestyle=line, linewidth=1.8, label=label)
    return colour
