"""Scores and differences with their intervals, in rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.compare.pictures.style import (
    COLUMN,
    INK,
    MUTED,
    PAGE,
    Styles,
    canvas,
    entitle,
    literal,
    score_label,
    styled,
    tidy,
)
from harness.compare.tables.pairs import is_decided
from harness.compare.tables.scores import judged_by

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from harness.compare.question import Question

__all__ = ["draw_differences", "draw_estimates"]

ROW = 0.2  # inches
LONG = 24  # letters; longer names leave too little of a column for the picture
ALL_PAIRS = 10  # if there are more, only pairs with the best contender are shown


@styled
def draw_estimates(
    summary: DataFrame, outcomes: DataFrame, question: Question, styles: Styles
) -> Figure | None:
    """A panel for each task, a row for each contender: interquartile mean, 95 % interval, every run.

    Scores are those on test, or on validation where there is no test. Returns None without scores.
    """
    part = judged_by(outcomes)
    estimates = summary[(summary["part"] == part) & summary["iqm"].notna()]
    tasks = [task for task in outcomes["task"].unique() if (estimates["task"] == task).any()]
    if not tasks:
        return None
    figure, grid = _panels(tasks, list(styles))
    for axes, task in zip(grid, tasks, strict=True):
        for row, (name, style) in enumerate(styles.items()):
            runs = outcomes[(outcomes["task"] == task) & (outcomes["contender"] == name)]
            scores = runs[part].dropna()
            axes.plot(
                scores,
                row + 0.28 * _jitter(len(scores)),
                ".",
                color=style.colour,
                alpha=0.35,
                markersize=3,
            )
            for estimate in estimates[
                (estimates["task"] == task) & (estimates["contender"] == name)
            ].itertuples():
                axes.hlines(row, estimate.iqm_low, estimate.iqm_high, color=INK, linewidth=1.2)
                axes.plot(
                    estimate.iqm,
                    row,
                    marker=style.marker,
                    color=style.colour,
                    markeredgecolor=INK,
                    markeredgewidth=0.5,
                    markersize=5.5,
                    label=literal(name),
                )
        _finish(axes, [literal(name) for name in styles], score_label(question, part))
    return figure


@styled
def draw_differences(pairs: DataFrame, question: Question, best: str | None) -> Figure | None:
    """A panel for each task, a row for each pair: the difference of the means with its 95 % interval.

    A filled point is a difference whose Holm-corrected p is below 5 %, in a test that points the same
    way. The better side is on the right.

    Args:
        pairs: The frame `pairs` of a comparison.
        question: What was asked.
        best: If there are more than ten pairs, only those with this contender are shown.
    """
    shown = pairs[pairs["difference"].notna()]
    if shown["task"].nunique() and len(shown) > ALL_PAIRS * shown["task"].nunique() and best:
        shown = shown[(shown["a"] == best) | (shown["b"] == best)]
    tasks = list(shown["task"].unique())
    if not tasks:
        return None
    # As a − b with the best first. Less is better for a loss, so its axis is inverted
    names = list(dict.fromkeys(_oriented(row, best)[0] for row in shown.itertuples()))
    figure, grid = _panels(tasks, names)
    for axes, task in zip(grid, tasks, strict=True):
        for pair in shown[shown["task"] == task].itertuples():
            name, sign = _oriented(pair, best)
            row = names.index(name)
            decided = is_decided(pair.p_holm, pair.direction, pair.difference, question.maximize)
            axes.hlines(row, *sorted((sign * pair.low, sign * pair.high)), color=INK, linewidth=1.2)
            axes.plot(
                sign * pair.difference,
                row,
                "o",
                color=INK,
                markerfacecolor=INK if decided else "white",
                markersize=4.5,
            )
        axes.axvline(0, color=MUTED, linewidth=0.8, zorder=1)
        part = shown.loc[shown["task"] == task, "part"].iloc[0]
        unit = score_label(question, part).removesuffix(" (lower is better)")
        _finish(axes, names, f"difference in {unit}")
        if not question.maximize:
            axes.invert_xaxis()
    return figure


def _oriented(pair: tuple, best: str | None) -> tuple[str, int]:
    a, b, sign = (pair.b, pair.a, -1) if pair.b == best else (pair.a, pair.b, 1)  # type: ignore  # pandas types no rows
    return f"{literal(a, 22)} − {literal(b, 22)}", sign


def _panels(tasks: list[str], names: list[str]) -> tuple[Figure, list[Axes]]:
    across = min(len(tasks), 3)
    down = -(-len(tasks) // across)
    width = COLUMN if len(tasks) == 1 and max(map(len, names)) < LONG else PAGE
    figure = canvas(width, down * (0.65 + ROW * max(len(names), 2)))
    grid = figure.subplots(down, across, squeeze=False, sharey=True).ravel().tolist()
    for unused in grid[len(tasks) :]:
        figure.delaxes(unused)
    for axes, task in zip(grid, tasks, strict=False):
        entitle(axes, task)
    return figure, grid[: len(tasks)]


def _finish(axes: Axes, names: list[str], label: str) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlabel(label)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4, min_n_ticks=3))
    axes.margins(x=0.06)
    tidy(axes, grid="x")
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _jitter(count: int) -> np.ndarray:
    """Heights in [−1, 1] that separate points of equal score; the same at every call."""
    return 2 * ((np.arange(count) * 0.618) % 1.0) - 1
