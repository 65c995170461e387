"""How much the learning rate matters: the best validation score at each, and where training diverges."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.compare.pictures.labels import End, label_ends, legend
from harness.compare.pictures.style import (
    COLUMN,
    PAGE,
    Styles,
    canvas,
    entitle,
    literal,
    score_label,
    styled,
    tidy,
)
from harness.compare.pictures.trials import mean_by_setting, numbers, rate_key, varied

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from harness.compare.question import Question

__all__ = ["draw_rate_sensitivity"]

GRID = 16  # more rates than this are no grid of the learning rate alone


@styled
def draw_rate_sensitivity(trials: DataFrame, question: Question, styles: Styles) -> Figure | None:
    """A panel for each task, a line for each contender; below, the rates at which its runs diverged.

    The line of a grid goes through the best setting at each rate (means over seeds). Where rates are
    quasi-random among other hyperparameters, every setting is a point, and the line goes through the
    best of each section of the axis: what this rate achieves with good values of the others.
    Below the axes, a cross marks a rate at which every run diverged, a dot one at which some did.
    """
    key = rate_key(trials)
    rates = None if key is None else numbers(trials[key])
    if rates is None or rates[rates > 0].nunique() < 2:
        return None
    tried = mean_by_setting(trials).assign(rate=lambda table: numbers(table[key]))
    tried = tried[tried["rate"] > 0]
    names = [name for name in styles if (tried["contender"] == name).any()]
    unstable = [n for n in names if tried.loc[tried["contender"] == n, "diverged"].any()]
    scattered = {n for n in names if _is_scattered(trials[trials["contender"] == n], str(key))}

    tasks = list(tried["task"].unique())
    figure, grid = _panels(tasks, unstable)
    for column, task in enumerate(tasks):
        settings_of_task = tried[tried["task"] == task]
        axes = grid[0][column]
        entitle(axes, task)
        axes.set_xscale("log")
        ends = _draw_scores(
            axes, settings_of_task, question, {n: styles[n] for n in names}, scattered
        )
        tidy(axes)
        if unstable:
            _draw_diverged(
                grid[1][column],
                settings_of_task,
                {n: styles[n] for n in unstable},
                labelled=column == 0,
            )
        grid[-1][column].set_xlabel("learning rate")
        if len(tasks) == 1 and ends:
            label_ends(axes, ends)
    grid[0][0].set_ylabel(score_label(question, "validation"))
    if len(tasks) > 1:
        legend(figure, {name: styles[name] for name in names})
    return figure


def _panels(tasks: list[str], unstable: list[str]) -> tuple[Figure, list[list[Axes]]]:
    """Axes for each task, and below them a strip with a row for each contender with diverged runs."""
    strip = 0.14 * len(unstable)
    several = len(tasks) > 1
    figure = canvas(PAGE if several else COLUMN + 0.6, 2.2 + strip + 0.35 * several)
    grid = figure.subplots(
        2 if unstable else 1,
        len(tasks),
        squeeze=False,
        sharex="col",
        height_ratios=[1.9, strip] if unstable else None,
    )
    return figure, grid.tolist()


def _is_scattered(trials: DataFrame, key: str) -> bool:
    """Whether hardly any settings share a rate, so that the line through all would be mostly noise."""
    rates, settings = trials[key].nunique(), trials["setting"].nunique()
    return rates > 0.5 * settings and (rates > GRID or varied(trials) != [key])


def _draw_scores(
    axes: Axes, tried: DataFrame, question: Question, styles: Styles, scattered: set[str]
) -> list[End]:
    ends = []
    for name, style in styles.items():
        rows = tried[(tried["contender"] == name) & tried["validation"].notna()].sort_values("rate")
        if rows.empty:
            continue
        looks: dict[str, Any] = {"color": style.colour, "marker": style.marker}
        if name in scattered:
            axes.plot(
                rows["rate"], rows["validation"], linestyle="", alpha=0.3, markersize=2.5, **looks
            )
        best = _best(
            rows, _sections(rows) if name in scattered else rows["rate"], question.maximize
        )
        axes.plot(
            best["rate"], best["validation"], linestyle=style.line, label=literal(name), **looks
        )
        end = best.iloc[-1]
        ends.append(End(float(end["rate"]), float(end["validation"]), literal(name), style))
    return ends


def _sections(tried: DataFrame) -> np.ndarray:
    """The number of the section of the log axis of each rate; about √n sections of equal length."""
    logs = np.log10(tried["rate"].to_numpy())
    count = max(4, math.isqrt(len(logs)))
    edges = np.linspace(logs.min(), logs.max(), count + 1)
    return np.digitize(logs, edges[1:-1])


def _best(tried: DataFrame, by: object, maximize: bool) -> DataFrame:
    """The row with the best score of each group."""
    scores = tried["validation"].groupby(by)
    return tried.loc[scores.idxmax() if maximize else scores.idxmin()]


def _draw_diverged(axes: Axes, tried: DataFrame, styles: Styles, *, labelled: bool) -> None:
    for row, (name, style) in enumerate(styles.items()):
        share = tried[tried["contender"] == name].groupby("rate")["diverged"].mean()
        every, some = share[share == 1].index, share[(share > 0) & (share < 1)].index
        axes.plot(every, np.full(len(every), row), "x", color=style.colour, markersize=4)
        axes.plot(some, np.full(len(some), row), ".", color=style.colour, markersize=3)
    axes.set_ylim(len(styles) - 0.5, -0.5)
    axes.set_yticks(range(len(styles)), [literal(name) for name in styles] if labelled else [])
    tidy(axes, grid="x")
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0, labelsize=6.5)
    if labelled:
        axes.set_title("diverged", loc="left", fontsize=6.5, pad=1)
