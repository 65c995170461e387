"""Two factors as a coloured table: the mean test score of each pair of levels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.compare.pictures.heatmap import colours, write_scores
from harness.compare.pictures.style import COLUMN, INK, canvas, literal, score_label, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from harness.compare.question import Question

__all__ = ["draw_factor_heatmap"]

ROW = 0.3  # inches


@styled
def draw_factor_heatmap(interaction: DataFrame, question: Question) -> Figure | None:
    """Rows are levels of the first factor, columns of the second; a cross: every run diverged."""
    if interaction.empty:
        return None
    rows, columns = (list(interaction[side].unique()) for side in ("row", "column"))
    cells = interaction.set_index(["row", "column"])
    table = cells["mean"].astype(float).unstack().reindex(index=rows, columns=columns)
    every = (cells["diverged"] == cells["runs"]) & (cells["runs"] > 0)
    diverged = every.unstack(fill_value=False).reindex(
        index=rows, columns=columns, fill_value=False
    )
    figure = canvas(max(COLUMN, 1.6 + 0.75 * len(columns)), 0.9 + ROW * len(rows))
    axes = figure.subplots()
    image = axes.imshow(
        table.to_numpy(), aspect="auto", **colours(interaction["mean"], maximize=question.maximize)
    )
    for row, column in np.argwhere(diverged.to_numpy()):
        axes.plot(column, row, "x", color=INK, markersize=6, label="diverged")
    write_scores(axes, table.to_numpy(), image, size=7)
    axes.set_xticks(range(len(columns)), [literal(str(name), 16) for name in columns])
    axes.set_yticks(range(len(rows)), [literal(str(name)) for name in rows])
    if max(len(str(name)) for name in columns) > 11:
        axes.tick_params(axis="x", rotation=25)
    axes.tick_params(length=0, labelsize=7)
    axes.spines[:].set_visible(False)
    axes.set_title(score_label(question, "test"), loc="left")
    return figure
