"""Demšar's diagram: mean ranks on an axis, and bars that join ranks without a significant difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.compare.pictures.style import INK, PAGE, Styles, canvas, literal, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

__all__ = ["cliques", "draw_critical_difference"]

ROW = 0.17  # inches that a name takes


def cliques(ranks: np.ndarray, critical: float) -> list[tuple[int, int]]:
    """The largest groups of two or more ranks within the critical difference, by first and last index.

    Args:
        ranks: Mean ranks, in ascending order.
        critical: The critical difference.

    >>> cliques(np.array([1.0, 1.5, 2.2, 4.0]), 1.0)
    [(0, 1), (1, 2)]
    """
    groups: list[tuple[int, int]] = []
    for first, rank in enumerate(ranks):
        last = int(np.searchsorted(ranks, rank + critical, side="right")) - 1
        if last > first and (not groups or last > groups[-1][1]):
            groups.append((first, last))
    return groups


@styled
def draw_critical_difference(ranks: DataFrame, styles: Styles) -> Figure | None:
    """Draws the best at the left, and at the top a scale of the critical difference of Nemenyi's test.

    Returns None for fewer than three contenders.

    Source: Demšar, Statistical Comparisons of Classifiers over Multiple Data Sets, 2006, figure 1.
    """
    ranked = ranks[ranks["rank"].notna()].sort_values("rank", kind="stable")
    if len(ranked) < 3:
        return None
    values = ranked["rank"].to_numpy(float)
    names = list(ranked["contender"])
    critical = float(ranked["critical"].iloc[0])
    bars = cliques(values, critical)
    half = (len(names) + 1) // 2
    top = 0.42 + 0.1 * len(bars)  # inches from the axis down to the first name
    height = 0.62 + top + ROW * half
    figure = canvas(PAGE, height)
    axes = figure.subplots()
    axes.set_axis_off()
    axes.set_xlim(0.0, 1.0)
    axes.set_ylim(-(top + ROW * half), 0.62)

    def position(rank: float) -> float:
        return 0.26 + 0.48 * (rank - 1.0) / (len(names) - 1.0)

    _draw_axis(axes, position(1.0), position(len(names)), len(names))
    width = position(1.0 + critical) - position(1.0)
    if np.isfinite(width):
        _draw_scale(axes, position(1.0), width, critical)
    for number, (name, rank) in enumerate(zip(names, values, strict=True)):
        left = number < half
        row = number if left else len(names) - 1 - number
        y = -(top + ROW * (row + 0.5)) + 0.5 * ROW
        colour, marker, _ = styles[name]
        edge = 0.22 if left else 0.78
        axes.plot([position(rank), position(rank), edge], [0, y, y], color=colour, linewidth=0.9)
        axes.plot(position(rank), 0, marker=marker, color=colour, clip_on=False, zorder=4)
        text = f"{literal(name)}  {rank:.2f}" if left else f"{rank:.2f}  {literal(name)}"
        axes.text(
            edge - 0.01 if left else edge + 0.01,
            y,
            text,
            ha="right" if left else "left",
            va="center",
        )
    for number, (first, last) in enumerate(bars):
        y = -(0.16 + 0.1 * number)
        ends = [position(values[first]) - 0.006, position(values[last]) + 0.006]
        axes.plot(ends, [y, y], color=INK, linewidth=3, solid_capstyle="butt", label="clique")
    return figure


def _draw_axis(axes: Axes, left: float, right: float, count: int) -> None:
    axes.plot([left, right], [0, 0], color=INK, linewidth=0.8)
    for rank, x in enumerate(np.linspace(left, right, count), 1):
        axes.plot([x, x], [0, 0.05], color=INK, linewidth=0.8)
        axes.text(x, 0.08, str(rank), ha="center", va="bottom", fontsize=7)
    axes.text(left - 0.015, 0.08, "mean rank", ha="right", va="bottom", fontsize=7)


def _draw_scale(axes: Axes, left: float, width: float, critical: float) -> None:
    y = 0.36
    axes.plot([left, left + width], [y, y], color=INK, linewidth=0.8, label="critical difference")
    for x in (left, left + width):
        axes.plot([x, x], [y - 0.03, y + 0.03], color=INK, linewidth=0.8)
    axes.text(
        left + width / 2,
        y + 0.05,
        f"critical difference {critical:.2f}",
        ha="center",
        va="bottom",
        fontsize=7,
    )
