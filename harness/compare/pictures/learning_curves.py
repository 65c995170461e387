"""The validation metric over steps: the median over seeds, with its quartiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.compare.pictures.labels import End, label_ends, legend
from harness.compare.pictures.style import Styles, band, literal, panels, score_label, styled, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from harness.compare.question import Question

__all__ = ["draw_learning_curves"]


@styled
def draw_learning_curves(
    curves: DataFrame, outcomes: DataFrame, question: Question, styles: Styles
) -> Figure | None:
    """A panel for each task, a line for each contender, with a band from lower to upper quartile.

    Lines are of the runs that converged; a run that stopped early keeps its last value. The number of
    diverged runs stands with the name, and a cross at the bottom marks the step at which each diverged.
    """
    tasks = [task for task in outcomes["task"].unique() if task in set(curves["task"])]
    if not tasks:
        return None
    figure, grid = panels(tasks, 2.3)
    for axes, task in zip(grid, tasks, strict=True):
        curves_of_task, runs = curves[curves["task"] == task], outcomes[outcomes["task"] == task]
        ends = _draw_task(axes, curves_of_task, runs, styles)
        axes.set_xlabel("steps")
        values = curves_of_task["validation"]
        if not question.maximize and values.min() > 0 and values.max() > 50 * values.min():
            axes.set_yscale("log")
        axes.set_xlim(0)
        tidy(axes)
        if len(grid) == 1 and ends:
            label_ends(axes, ends)
    grid[0].set_ylabel(score_label(question, "validation"))
    if len(grid) > 1:
        legend(figure, styles, {name: _note(outcomes, name) for name in styles})
    return figure


def _draw_task(axes: Axes, curves: DataFrame, runs: DataFrame, styles: Styles) -> list[End]:
    ends: list[End] = []
    diverged = set(runs.loc[runs["diverged"].astype(bool), "run_id"])
    for name, style in styles.items():
        contender_curves = curves[curves["contender"] == name]
        ended = contender_curves["run_id"].isin(diverged)
        last_steps = contender_curves[ended].groupby("run_id")["steps"].max()
        axes.plot(
            last_steps,
            np.full(len(last_steps), 0.03),
            "x",
            color=style.colour,
            transform=axes.get_xaxis_transform(),
            zorder=5,
        )
        line = _quartiles(contender_curves[~ended])
        if line.empty:
            continue
        band(axes, line[["steps", "low", "high"]], style, len(styles))
        axes.plot(
            line["steps"],
            line["median"],
            color=style.colour,
            linestyle=style.line,
            marker=style.marker,
            markevery=(0.02 * len(ends), 0.2),
            markersize=3.5,
            label=literal(name),
        )
        text = literal(name) + _note(runs, name)
        last = line.iloc[-1]
        ends.append(End(float(last["steps"]), float(last["median"]), text, style))
    return ends


def _quartiles(curves: DataFrame) -> DataFrame:
    """By steps the lower quartile over runs as low, the median, and the upper quartile as high."""
    if curves.empty:
        return curves.reindex(columns=["steps", "low", "median", "high"])
    table = curves.pivot_table(index="steps", columns="run_id", values="validation", aggfunc="last")
    quartiles = table.astype(float).sort_index().ffill().quantile([0.25, 0.5, 0.75], axis=1).T
    quartiles.columns = ["low", "median", "high"]
    return quartiles.dropna().reset_index()


def _note(runs: DataFrame, name: str) -> str:
    diverged = runs.loc[runs["contender"] == name, "diverged"].astype(bool)
    return f" ({diverged.sum()} of {len(diverged)} diverged)" if diverged.any() else ""
