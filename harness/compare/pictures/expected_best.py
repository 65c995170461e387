"""What a budget for tuning buys: the expected best validation score of k trials."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.compare.pictures.labels import End, label_ends, legend
from harness.compare.pictures.style import Styles, band, literal, panels, score_label, styled, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from harness.compare.question import Question

__all__ = ["draw_expected_best"]


@styled
def draw_expected_best(budget: DataFrame, question: Question, styles: Styles) -> Figure | None:
    """A panel for each task, a line with its interval for each contender.

    Returns None where no contender had two trials.

    Source: Dodge et al., Show Your Work: Improved Reporting of Experimental Results, 2019, section 3.
    """
    from matplotlib.ticker import MaxNLocator

    curves = budget[budget["expected"].notna()]
    tasks = list(curves["task"].unique())
    if not tasks or curves["k"].max() < 2:
        return None
    figure, grid = panels(tasks, 2.2)
    for axes, task in zip(grid, tasks, strict=True):
        ends: list[End] = []
        for name, style in styles.items():
            line = curves[(curves["task"] == task) & (curves["contender"] == name)].sort_values("k")
            if line.empty:
                continue
            band(axes, line[["k", "low", "high"]], style, len(styles))
            axes.plot(
                line["k"],
                line["expected"],
                color=style.colour,
                linestyle=style.line,
                marker=style.marker,
                markevery=(0.02 * len(ends), 0.25),
                label=literal(name),
            )
            last = line.iloc[-1]
            ends.append(End(float(last["k"]), float(last["expected"]), literal(name), style))
        axes.set_xlabel("trials k")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        tidy(axes)
        if len(grid) == 1:
            label_ends(axes, ends)
    grid[0].set_ylabel("expected best\n" + score_label(question, "validation"))
    if len(grid) > 1:
        legend(figure, styles)
    return figure
