"""All pictures of a comparison, each with a caption."""

from __future__ import annotations

import io
import logging
import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from harness.compare.pictures.critical_difference import draw_critical_difference
from harness.compare.pictures.expected_best import draw_expected_best
from harness.compare.pictures.factor_heatmap import draw_factor_heatmap
from harness.compare.pictures.forest import draw_differences, draw_estimates
from harness.compare.pictures.heatmap import draw_heatmap
from harness.compare.pictures.interaction import draw_interaction
from harness.compare.pictures.learning_curves import draw_learning_curves
from harness.compare.pictures.performance_profile import draw_performance_profile
from harness.compare.pictures.rate_sensitivity import draw_rate_sensitivity
from harness.compare.pictures.style import styles_of
from harness.compare.pictures.time_to_target import draw_time_to_target

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from harness.compare.comparison import Comparison

__all__ = ["Picture", "gallery", "save_pdf", "save_svg"]

SHADED = ("heatmap", "factors")


@dataclass(frozen=True)
class Picture:
    """A picture of a comparison.

    Attributes:
        name: Name of its file, without a suffix.
        title: Its heading.
        caption: How to read it, in a sentence or two.
        figure: A matplotlib figure.
        shaded: Whether its colours stand for numbers, so that a dark page must not invert them.
    """

    name: str
    title: str
    caption: str
    figure: Figure
    shaded: bool = False

    @cached_property
    def svg(self) -> bytes:
        """The picture as SVG on a transparent ground, with letters as paths; always the same bytes."""
        buffer = io.BytesIO()
        _write(self, buffer, "svg", {"Date": None})
        self.figure.set_layout_engine("none")  # saving has laid it out; a PDF need not do so again
        return buffer.getvalue()


def gallery(comparison: Comparison, best: str | None = None) -> list[Picture]:
    """The pictures that have something to show, in the order of a report.

    Args:
        comparison: The comparison to draw.
        best: The contender whose pairs are shown where there are too many pairs to show all.
    """
    c, styles = comparison, styles_of(comparison.contenders)
    members = "tasks" if len(c.tasks) > 1 else "runs"
    drawings: list[tuple[str, str, str, Figure | None]] = [
        (
            "scores",
            "Scores",
            "Interquartile mean over seeds with its 95 % interval; a dot is a run.",
            draw_estimates(c.summary, c.outcomes, c.question, styles),
        ),
        (
            "differences",
            "Differences",
            "Difference of means with its 95 % interval. On the right of zero the first of the two is "
            "better; filled where p < 0.05 after Holm.",
            draw_differences(c.pairs, c.question, best),
        ),
        (
            "critical_difference",
            "Ranks",
            "Mean rank over tasks and seeds, 1 is best. A bar joins contenders that Nemenyi's test "
            "cannot tell apart at 5 %.",
            draw_critical_difference(c.ranks, styles),
        ),
        (
            "learning_curves",
            "Learning curves",
            "Median over the seeds that converged, and the range from lower to upper quartile. A cross "
            "at the bottom marks where a run diverged.",
            draw_learning_curves(c.curves, c.outcomes, c.question, styles),
        ),
        (
            "time_to_target",
            "Time to the target",
            "Steps until the validation score reaches the target: a dot is a run, a marker a median.",
            draw_time_to_target(c.times, c.outcomes, styles),
        ),
        (
            "performance_profile",
            "Performance profile",
            f"Share of {members} that reach the target within τ times what the fastest needed. "
            "Higher is better.",
            draw_performance_profile(c.profiles, styles, members),
        ),
        (
            "interaction",
            "Interaction",
            "Lines that run in parallel, and intervals over zero, mean that each factor does its work "
            "independently of the other.",
            draw_interaction(c.interaction, c.question),
        ),
        (
            "factors",
            "Both factors",
            "Mean test score of each pair; light is good.",
            draw_factor_heatmap(c.interaction, c.question),
        ),
        (
            "rate_sensitivity",
            "Sensitivity to the learning rate",
            "Best validation score at each learning rate. Below, a cross marks a rate at which every "
            "run diverged, a dot one at which some did.",
            draw_rate_sensitivity(c.trials, c.question, styles),
        ),
        (
            "expected_best",
            "Worth of tuning",
            "Expected best validation score of k trials: what a budget of that size would have found.",
            draw_expected_best(c.budget, c.question, styles),
        ),
    ]
    drawings += [
        (
            "heatmap" if len(c.tasks) == 1 else f"heatmap_{number}",
            f"Two hyperparameters on {task}",
            "Validation score of the settings tried; light is good. A cross marks where every run "
            "diverged.",
            draw_heatmap(c.trials, c.question, c.contenders, task),
        )
        for number, task in enumerate(c.tasks, 1)
    ]
    return [
        Picture(name, title, caption, figure, shaded=name.startswith(SHADED))
        for name, title, caption, figure in drawings
        if figure is not None
    ]


def save_svg(picture: Picture, folder: Path) -> Path:
    """Writes NAME.svg, for a page or a slide."""
    path = folder / f"{picture.name}.svg"
    path.write_bytes(picture.svg)
    return path


def save_pdf(picture: Picture, folder: Path) -> Path:
    """Writes NAME.pdf for a paper, with its fonts embedded, which takes most of a second."""
    path = folder / f"{picture.name}.pdf"
    with path.open("wb") as file:
        _write(picture, file, "pdf", {"CreationDate": None})
    return path


def _write(picture: Picture, file: object, kind: str, metadata: dict[str, None]) -> None:
    from matplotlib import rc_context

    logging.getLogger("fontTools").setLevel(logging.WARNING)  # it logs every glyph
    # Without a salt, names inside an SVG are random; font type 42 is what publishers ask for
    with rc_context({"svg.hashsalt": picture.name, "pdf.fonttype": 42}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        picture.figure.savefig(file, format=kind, metadata=metadata, transparent=True)  # type: ignore  # matplotlib's type lacks None
