"""Which line is whose: names beside the ends of lines, or one legend for several panels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from harness.compare.pictures.style import INK, Style, Styles, literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["End", "label_ends", "legend", "spread"]

LINE = 9.5  # height of a line of a label in points
KEY = 1.07  # position of the markers of labels, in widths of the axes


class End(NamedTuple):
    """The end of a contender's line.

    Attributes:
        x: Its position across, in the units of the data.
        y: Its height, likewise.
        text: What stands beside it.
        style: How the contender is drawn.
    """

    x: float
    y: float
    text: str
    style: Style


def spread(heights: np.ndarray, apart: float) -> np.ndarray:
    """The heights nearest to these (least squares) that keep a distance of `apart`, in the same order.

    It is an isotonic regression, by pooling neighbours that are too near each other.

    >>> spread(np.array([0.0, 0.1, 5.0]), 1.0).tolist()
    [-0.45, 0.55, 5.0]
    """
    order = np.argsort(heights, kind="stable")
    shifted = heights[order] - apart * np.arange(len(heights))
    pools: list[tuple[float, int]] = []  # mean and size
    for value in shifted:
        mean, size = float(value), 1
        while pools and pools[-1][0] > mean:
            before, count = pools.pop()
            mean, size = (mean * size + before * count) / (size + count), size + count
        pools.append((mean, size))
    placed = np.repeat([mean for mean, _ in pools], [size for _, size in pools])
    result = np.empty(len(heights))
    result[order] = placed + apart * np.arange(len(heights))
    return result


def label_ends(axes: Axes, ends: list[End]) -> None:
    """Names to the right of the axes, each at the height of its line and joined to its end.

    Call it last: limits and scales of the axes must be final.
    """
    axes.figure.draw_without_rendering()  # type: ignore[union-attr]  # axes have a figure
    points = axes.get_window_extent().height * 72 / axes.figure.dpi
    to_axes = axes.transData + axes.transAxes.inverted()
    heights = to_axes.transform([(end.x, end.y) for end in ends])[:, 1].clip(0, 1)
    label_heights = spread(heights, LINE / points)
    # Within the axes, as long as there is room
    label_heights += max(0.0, 0.02 - label_heights.min()) - max(0.0, label_heights.max() - 1.0)
    for end, height in zip(ends, label_heights, strict=True):
        axes.annotate(
            "",
            (end.x, end.y),
            (KEY, float(height)),
            textcoords=axes.transAxes,
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": end.style.colour,
                "linewidth": 0.6,
                "shrinkA": 0,
                "shrinkB": 0,
            },
        )
        colour, marker, _ = end.style
        axes.scatter(
            KEY, height, 14, colour, marker=marker, transform=axes.transAxes, clip_on=False
        )
        axes.annotate(
            end.text,
            (KEY, float(height)),
            (5, 0),
            xycoords=axes.transAxes,
            textcoords="offset points",
            va="center",
            color=INK,
            fontsize=7.5,
            annotation_clip=False,
        )


def legend(figure: Figure, styles: Styles, notes: Mapping[str, str] | None = None) -> None:
    """Draws one legend under all panels.

    Args:
        figure: The figure of the panels.
        styles: How the contenders are drawn.
        notes: Text that is added to a name, by contender.
    """
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=colour, marker=marker, linestyle=line)
        for colour, marker, line in styles.values()
    ]
    texts = [literal(name) + (notes or {}).get(name, "") for name in styles]
    letters = max(map(len, texts)) + 7
    figure.legend(
        handles,
        texts,
        loc="outside lower center",
        ncols=max(1, min(len(texts), int(figure.get_figwidth() * 17 / letters))),
        handlelength=2.6,
    )
