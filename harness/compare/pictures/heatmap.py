"""Two hyperparameters at once: the validation score of each pair of values, and where runs diverged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from harness.compare.pictures.style import (
    INK,
    MUTED,
    PAGE,
    canvas,
    entitle,
    literal,
    score_label,
    styled,
)
from harness.compare.pictures.trials import mean_by_setting, numbers, short_names, varied

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure
    from pandas import DataFrame, Series

    from harness.compare.question import Question

__all__ = ["colours", "draw_heatmap", "write_scores"]

COLOURS = "cividis"  # the same to the colour-blind, and a ramp in grey; light is good
DECADES = 30.0  # an axis is logarithmic from this ratio of its largest to its smallest value on
CELLS = 49  # larger tables have no scores written into their cells


@styled
def draw_heatmap(
    trials: DataFrame, question: Question, contenders: Sequence[str], task: str
) -> Figure | None:
    """A panel for each contender with two varied hyperparameters, over the two with most values.

    A grid is drawn as cells, quasi-random settings as points. Scores are means over seeds, and a cell of
    several settings shows the best; light is good. A cross marks where every run diverged. All panels
    have the same scale, which leaves out the worst tenth so that differences of good scores are visible.
    """
    trials_of_task = trials[trials["task"] == task]
    tables = {name: trials_of_task[trials_of_task["contender"] == name] for name in contenders}
    tables = {name: table for name, table in tables.items() if len(varied(table)) >= 2}
    if not tables:
        return None
    across = min(len(tables), 3)
    down = -(-len(tables) // across)
    figure = canvas(0.5 + (PAGE - 0.5) * max(across, 2) / 3, 2.0 * down + 0.2)
    grid = figure.subplots(down, across, squeeze=False).ravel().tolist()
    for unused in grid[len(tables) :]:
        figure.delaxes(unused)
    scale = colours(mean_by_setting(trials_of_task)["validation"], maximize=question.maximize)
    drawn: Any = None
    for axes, (name, table) in zip(grid, tables.items(), strict=False):
        drawn = _draw(axes, table, scale, maximize=question.maximize) or drawn
        entitle(axes, name)
    if drawn is not None:
        bar = figure.colorbar(drawn, ax=grid[: len(tables)], extend=_beyond(question), aspect=30)
        bar.set_label(score_label(question, "validation"))
        bar.ax.tick_params(labelsize=7, width=0.6)
        bar.outline.set_visible(False)
    return figure


def colours(scores: Series, *, maximize: bool) -> dict[str, Any]:
    """The colours and their scale as arguments of matplotlib; the scale starts above the worst tenth."""
    from matplotlib import colormaps
    from matplotlib.colors import Normalize

    converged = scores.dropna().astype(float)
    ramp = colormaps[COLOURS] if maximize else colormaps[COLOURS].reversed()
    if converged.empty:
        return {"cmap": ramp}
    low, high = converged.quantile([0.1, 1.0] if maximize else [0.0, 0.9])
    return {"cmap": ramp, "norm": Normalize(low, high if high > low else low + 1e-9)}


def _beyond(question: Question) -> Any:
    return "min" if question.maximize else "max"


def _draw(
    axes: Axes, table: DataFrame, scale: dict[str, Any], *, maximize: bool
) -> ScalarMappable | None:
    x, y = varied(table)[:2]
    names = short_names([x, y])
    axes.set_xlabel(literal(names[x]))
    axes.set_ylabel(literal(names[y]))
    axes.tick_params(labelsize=7, length=2, color=MUTED)
    tried = mean_by_setting(table)
    across, down = numbers(tried[x]), numbers(tried[y])
    cells = tried[x].nunique() * tried[y].nunique()
    if across is not None and down is not None and cells > 4 * len(tried):
        points = tried.assign(x=across, y=down).dropna(subset=["x", "y"])
        return _draw_points(axes, points, scale)
    return _draw_cells(axes, tried, (x, y), scale, maximize=maximize)


def _draw_points(axes: Axes, tried: DataFrame, scale: dict[str, Any]) -> ScalarMappable:
    axes.spines[["top", "right"]].set_visible(False)
    if _spans_decades(tried["x"]):
        axes.set_xscale("log")
    if _spans_decades(tried["y"]):
        axes.set_yscale("log")
    diverged = tried[tried["diverged"] == 1]
    axes.plot(diverged["x"], diverged["y"], "x", color=MUTED, markersize=4, label="diverged")
    converged = tried[tried["validation"].notna()]
    return axes.scatter(
        converged["x"],
        converged["y"],
        c=converged["validation"].astype(float),
        s=22,
        linewidths=0.3,
        edgecolors=INK,
        **scale,
    )


def _spans_decades(values: Series) -> bool:
    return bool(values.min() > 0 and values.max() > DECADES * values.min())


def _draw_cells(
    axes: Axes,
    tried: DataFrame,
    keys: tuple[str, str],
    scale: dict[str, Any],
    *,
    maximize: bool,
) -> ScalarMappable:
    x, y = keys
    best = tried.groupby([y, x])["validation"].agg("max" if maximize else "min")
    table = best.unstack(x).astype(float)
    image = axes.imshow(table.to_numpy(), aspect="auto", origin="lower", **scale)
    axes.set_xticks(range(table.shape[1]), [_value(v) for v in table.columns])
    axes.set_yticks(range(table.shape[0]), [_value(v) for v in table.index])
    if table.shape[1] > 5:
        axes.tick_params(axis="x", rotation=60)
    axes.spines[:].set_visible(False)
    diverged = tried.groupby([y, x])["diverged"].min().unstack(x).reindex_like(table) == 1
    for row, column in np.argwhere(diverged.to_numpy()):
        axes.plot(column, row, "x", color=MUTED, markersize=6, label="diverged")
    if table.size <= CELLS:
        write_scores(axes, table.to_numpy(), image)
    return image


def write_scores(axes: Axes, table: np.ndarray, image: ScalarMappable, size: float = 5.5) -> None:
    """Writes the score into each cell of a table; `size` is that of the letters in points."""
    for (row, column), value in np.ndenumerate(table):
        if np.isfinite(value):
            red, green, blue, _ = image.to_rgba(value)
            dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
            axes.text(
                column,
                row,
                f"{value:z.3f}".removeprefix("0") if abs(value) < 1 else f"{value:.3g}",
                ha="center",
                va="center",
                fontsize=size,
                color="white" if dark else INK,
            )


def _value(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else literal(str(value))
