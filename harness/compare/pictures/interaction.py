"""Two factors: whether the best level of one depends on the level of the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.compare.pictures.labels import legend
from harness.compare.pictures.style import (
    MUTED,
    PAGE,
    Style,
    canvas,
    literal,
    score_label,
    styled,
    styles_of,
    tidy,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from harness.compare.question import Question

__all__ = ["draw_interaction"]


@styled
def draw_interaction(interaction: DataFrame, question: Question) -> Figure | None:
    """Left the mean test score of each pair, right the part of it that neither factor alone explains.

    A line is a level of the first factor, over the levels of the second: parallel lines mean no
    interaction. The effect is the mean less what row and column would give, with its 95 % interval: an
    interval that excludes zero is an interaction.
    """
    if interaction.empty:
        return None
    columns = list(interaction["column"].unique())
    styles = styles_of(interaction["row"].unique())
    figure = canvas(PAGE, 2.7)
    left, right = figure.subplots(1, 2)
    for number, (row, style) in enumerate(styles.items()):
        cells = interaction[interaction["row"] == row].set_index("column").reindex(columns)
        shift = 0.5 * ((number + 0.5) / len(styles) - 0.5)  # so that intervals do not overlap
        _draw_means(left, cells, row, style)
        positions = np.arange(len(columns)) + shift
        effect = cells["effect"].astype(float)
        right.vlines(
            positions, cells["low"].astype(float), cells["high"].astype(float), color=style.colour
        )
        right.plot(positions, effect, linestyle="", color=style.colour, marker=style.marker)
    right.axhline(0, color=MUTED, linewidth=0.8, zorder=1)
    second = question.by[1] if len(question.by) > 1 else ""
    for axes in (left, right):
        axes.set_xticks(range(len(columns)), [literal(str(column)) for column in columns])
        axes.set_xlim(-0.5, len(columns) - 0.5)
        axes.set_xlabel(literal(second))
        tidy(axes, grid="y")
        if len(columns) > 4 or sum(map(len, columns)) > 30:
            axes.tick_params(axis="x", rotation=25)
    left.set_ylabel(score_label(question, "test"))
    right.set_ylabel("interaction (95 % interval)")
    legend(figure, styles)
    return figure


def _draw_means(axes: Axes, cells: DataFrame, row: str, style: Style) -> None:
    colour, marker, line = style
    axes.plot(
        range(len(cells)),
        cells["mean"].astype(float),
        color=colour,
        marker=marker,
        linestyle=line,
        label=literal(row),
    )
