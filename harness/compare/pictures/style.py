"""How contenders look, the same in every picture, and sizes that fit a column of an A4 page.

Colours are those of Okabe & Ito, which people with any form of colour blindness can distinguish. Lines
and markers differ too, so that nothing depends on colour alone: in grey the marker tells a contender.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar

from harness.tracking.curves import PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from harness.compare.question import Question

__all__ = [
    "COLUMN",
    "PAGE",
    "Style",
    "Styles",
    "band",
    "canvas",
    "entitle",
    "literal",
    "panels",
    "score_label",
    "styled",
    "styles_of",
    "tidy",
]

COLUMN, PAGE = 3.35, 6.3  # inches: a column of two, and the text of an A4 page with usual margins
LINES = ("-", "--", "-.", ":")  # 4 lines, 7 colours and 12 markers: together 84 looks
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "*")
INK, MUTED, RULE = "#1a1a1a", "#6f6f6f", "#e3e3e3"
LONGEST = 28  # letters that a label has room for

RC_PARAMS: dict[Any, Any] = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7.5,
    "lines.linewidth": 1.3,
    "lines.markersize": 4,
    "axes.linewidth": 0.6,
    "hatch.linewidth": 0.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
}

P = ParamSpec("P")
T = TypeVar("T")


class Style(NamedTuple):
    """How a contender is drawn: its colour, marker and line in matplotlib."""

    colour: str
    marker: str
    line: Any


Styles = dict[str, Style]  # by contender, in the order in which they are shown


def styles_of(contenders: Iterable[str]) -> Styles:
    """A look for each contender, no two the same up to 84.

    >>> styles_of(["adam", "sgd"])["sgd"]
    Style(colour='#D55E00', marker='s', line='--')
    """
    return {
        name: Style(
            PALETTE[number % len(PALETTE)],
            MARKERS[number % len(MARKERS)],
            LINES[number % len(LINES)],
        )
        for number, name in enumerate(contenders)
    }


def styled(draw: Callable[P, T]) -> Callable[P, T]:
    """Decorates a function that draws: it gets the sizes and colours of all pictures."""

    @wraps(draw)
    def within(*args: P.args, **kwargs: P.kwargs) -> T:
        from matplotlib import rc_context

        with rc_context(RC_PARAMS):
            return draw(*args, **kwargs)

    return within


def literal(text: str, longest: int = LONGEST) -> str:
    """A name that matplotlib shows letter for letter: never as a formula, on one line, cut if long.

    Args:
        text: The name.
        longest: Number of letters after which the name is cut.

    >>> literal("lr=$x$")
    'lr=\\\\$x\\\\$'
    """
    line = " ".join(text.split())
    line = line if len(line) <= longest else f"{line[: longest - 1]}…"
    return line.replace("$", r"\$")


def score_label(question: Question, part: str) -> str:
    """The label of an axis of scores.

    >>> from harness.compare.question import Question
    >>> from harness.evaluation.metrics import LOSS
    >>> score_label(Question(("optimizer",), LOSS), "test")
    'test loss (lower is better)'
    """
    label = f"{part} {literal(question.metric.label)}"
    return label if question.maximize else f"{label} (lower is better)"


def canvas(width: float, height: float) -> Figure:
    """An empty figure of a size in inches, whose layout makes room for titles and labels beside axes."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def entitle(axes: Axes, name: str) -> None:
    """Writes the name of a task or contender over its panel, cut to a third of a page."""
    axes.set_title(literal(name, 20), loc="left", fontweight="bold")


def band(axes: Axes, line: DataFrame, style: Style, contenders: int) -> None:
    """Fills the area between low and high, the fainter the more areas overlap.

    Args:
        axes: Axes to draw into.
        line: Columns x, low and high, in this order.
        style: How the contender is drawn.
        contenders: Number of contenders.
    """
    x, low, high = (line[column].astype(float) for column in line.columns)
    axes.fill_between(
        x, low, high, color=style.colour, alpha=min(0.15, 0.6 / contenders), linewidth=0
    )


def panels(tasks: Sequence[str], height: float, **options: Any) -> tuple[Figure, list[Axes]]:
    """A figure with axes for each task, titled with it: one in a column, several in rows of three.

    Args:
        tasks: Their names.
        height: Height of one panel, in inches.
        **options: Options of matplotlib's `subplots`.
    """
    across = min(len(tasks), 3)
    rows = -(-len(tasks) // across)
    width = {1: COLUMN, 2: 0.8 * PAGE}.get(across, PAGE)
    figure = canvas(width, height * rows + (0.35 if across > 1 else 0.0))
    grid = figure.subplots(rows, across, squeeze=False, **options).ravel().tolist()
    for unused in grid[len(tasks) :]:
        figure.delaxes(unused)
    for axes, task in zip(grid, tasks, strict=False):
        entitle(axes, task)
    return figure, grid[: len(tasks)]


def tidy(axes: Axes, *, grid: str = "both") -> None:
    """Removes all lines around the data that are not needed to read them."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis=grid, color=RULE, linewidth=0.5)  # type: ignore[arg-type]  # 'x' or 'y'
    axes.set_axisbelow(True)
    # Ticks may be made when the figure is saved, which is after `styled`
    axes.tick_params(labelsize=7, length=2.5, width=0.6, color=MUTED, labelcolor=INK)
    axes.tick_params(which="minor", length=1.5, width=0.4)
