"""How many steps it takes to reach the target, and how many runs reach it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.compare.pictures.style import INK, PAGE, Styles, canvas, entitle, literal, styled, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

__all__ = ["draw_time_to_target"]

ROW = 0.2  # inches


@styled
def draw_time_to_target(times: DataFrame, outcomes: DataFrame, styles: Styles) -> Figure | None:
    """A panel for each task, a row for each contender: every run as a point, the median as a marker.

    At the right edge stands the share of runs that reach the target.
    """
    from matplotlib.ticker import MaxNLocator

    reaching = times[times["reached"].notna()]
    tasks = list(reaching["task"].unique())
    if not tasks or not np.isfinite(outcomes["steps"].astype(float)).any():
        return None
    across = min(len(tasks), 3)
    down = -(-len(tasks) // across)
    height = down * (0.65 + ROW * max(len(styles), 2))
    figure = canvas(PAGE if len(tasks) > 1 else 0.65 * PAGE, height)
    grid = figure.subplots(down, across, squeeze=False, sharey=True).ravel().tolist()
    for unused in grid[len(tasks) :]:
        figure.delaxes(unused)
    for axes, task in zip(grid, tasks, strict=False):
        of_task = reaching[reaching["task"] == task].set_index("contender")
        entitle(axes, task)
        for row, (name, (colour, marker, _)) in enumerate(styles.items()):
            if name not in of_task.index:
                continue
            runs = outcomes[(outcomes["task"] == task) & (outcomes["contender"] == name)]
            steps = runs["steps"].astype(float)
            steps = steps[np.isfinite(steps)]
            axes.plot(steps, np.full(len(steps), row), ".", color=colour, alpha=0.35, markersize=4)
            median, reached = of_task.loc[name, "steps"], of_task.loc[name, "reached"]
            if np.isfinite(median):
                axes.plot(
                    median,
                    row,
                    marker=marker,
                    color=colour,
                    markeredgecolor=INK,
                    markeredgewidth=0.5,
                    markersize=5.5,
                    label=literal(name),
                )
            axes.text(
                1.02,
                row,
                f"{reached:.0%}",
                transform=axes.get_yaxis_transform(),
                va="center",
                fontsize=7,
            )
        axes.text(1.02, 1.0, "reach it", transform=axes.transAxes, va="bottom", fontsize=6.5)
        axes.set_yticks(range(len(styles)), [literal(name) for name in styles])
        axes.set_ylim(len(styles) - 0.4, -0.6)
        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=4))
        axes.set_xlabel(f"steps to reach {of_task['target'].iloc[0]:.4g}")
        tidy(axes, grid="x")
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
    return figure
