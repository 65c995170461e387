"""Performance profiles: the share of tasks or runs that take at most τ times the best."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.compare.pictures.labels import End, label_ends
from harness.compare.pictures.style import COLUMN, Styles, canvas, literal, styled, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

__all__ = ["draw_performance_profile"]


@styled
def draw_performance_profile(profiles: DataFrame, styles: Styles, members: str) -> Figure | None:
    """A step line for each contender: higher is better, and the highest at τ = 1 is fastest most often.

    Source: Dolan & Moré, Benchmarking optimization software with performance profiles, 2002.

    Args:
        profiles: The frame `profiles` of a comparison.
        styles: How the contenders are drawn.
        members: What the share is of, "tasks" or "runs".

    Returns:
        The figure; None for fewer than two contenders.
    """
    drawn = profiles[profiles["share"].notna()]
    names = [name for name in styles if (drawn["contender"] == name).any()]
    if len(names) < 2:
        return None
    figure = canvas(COLUMN + 0.6, 2.3)
    axes = figure.subplots()
    last = float(drawn["tau"].max())
    ends: list[End] = []
    for name in names:
        line = drawn[drawn["contender"] == name].sort_values("tau")
        colour, marker, dashes = styles[name]
        # Lines continue to the right edge: no larger τ changes the share
        taus, shares = [*line["tau"], last * 1.02], [*line["share"], line["share"].iloc[-1]]
        axes.step(
            taus,
            shares,
            where="post",
            color=colour,
            linestyle=dashes,
            marker=marker,
            markevery=(0.03 * len(ends), 0.25),
            label=literal(name),
        )
        ends.append(End(taus[-1], shares[-1], literal(name), styles[name]))
    if last > 10:
        axes.set_xscale("log")
    axes.set_ylim(0, 1.02)
    axes.set_xlim(1.0, last * 1.02)
    axes.set_xlabel("τ: steps to the target, in times of the fastest")
    axes.set_ylabel(f"share of {members} within τ")
    tidy(axes)
    label_ends(axes, ends)
    return figure
