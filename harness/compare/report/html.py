"""A comparison as one HTML file that needs nothing else: no network, no framework, no second file.

The template escapes all text from a store. A content security policy in the page allows its one style
sheet and its one script, by their hashes, and pictures in data URIs; nothing else runs or loads, even if
some text were not escaped.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from harness.compare.pictures.gallery import Picture
from harness.compare.pictures.style import styles_of
from harness.compare.report.further_tables import further_tables
from harness.compare.report.standings import pairings, task_groups
from harness.compare.report.tables import (
    pairs_table,
    runs_table,
    standings_table,
    trials_table,
    tuning_table,
)
from harness.compare.report.verdict import metric_name, question_sentence, verdicts
from harness.compare.report.wording import enumeration

if TYPE_CHECKING:
    from jinja2 import Environment

    from harness.compare.comparison import Comparison

__all__ = ["page"]

ZOOM = 1.2 * 96  # pixels an inch: letters of 8 points read well on a screen at 13 pixels
TRIALS = 500  # rows of the tuning that the page shows; all are in trials.csv


class Key(NamedTuple):
    """The marker of a contender, as in the pictures.

    Attributes:
        colour: Its colour in CSS's notation.
        path: An SVG path within a unit around zero.
    """

    colour: str
    path: str


class EmbeddedPicture(NamedTuple):
    """A picture in the page.

    Attributes:
        name: Name of its file, without a suffix.
        title: Its heading.
        caption: How to read it.
        alt: What a screen reader says.
        source: The picture as a data URI.
        width: Width in pixels.
        height: Height in pixels.
        shaded: Whether its colours stand for numbers, so that a dark page must not invert them.
    """

    name: str
    title: str
    caption: str
    alt: str
    source: str
    width: int
    height: int
    shaded: bool


def page(comparison: Comparison, pictures: Sequence[Picture] = ()) -> str:
    """The text of the page; the same comparison and pictures give the same text."""
    style, script = _template("report.css"), _template("report.js")
    tasks = task_groups(comparison)
    pairs = [pairs_table(comparison, task) for task in tasks if pairings(comparison, task)]
    return (
        _environment()
        .get_template("report.html")
        .render(
            style=style,
            script=script,
            policy=_policy(style, script),
            question=question_sentence(comparison),
            verdicts=[text.replace(" = ", "\xa0=\xa0") for text in verdicts(comparison).values()],
            glance=_glance(comparison),
            caveats=comparison.caveats,
            keys=_keys(comparison),
            numbers={name: number for number, name in enumerate(comparison.contenders)},
            standings=[standings_table(comparison, task) for task in tasks],
            pictures=[_embed(comparison, picture) for picture in pictures],
            pairs=pairs,
            tuning=tuning_table(comparison),
            trials=trials_table(comparison, TRIALS),
            all_trials=len(comparison.trials),
            runs=runs_table(comparison),
            diverged=runs_table(comparison, diverged_only=True),
            provenance=_provenance_lines(comparison.provenance),
            commands=[str(command) for command in comparison.provenance.get("commands", ())],
            further=further_tables(comparison),
            configurations=comparison.provenance.get("configurations", {}),
            metric=metric_name(comparison),
        )
    )


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("harness.compare.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["key"] = _key
    return environment


def _key(key: float | str | None) -> str:
    """The key that a cell is sorted by, in JavaScript's notation of numbers."""
    if key is None:
        return ""
    return "Infinity" if key == math.inf else str(key)


def _template(name: str) -> Any:
    """The text of a template, marked as safe: it needs no escaping."""
    from markupsafe import Markup

    return Markup((files("harness.compare.report") / "templates" / name).read_text("utf-8"))


def _policy(style: str, script: str) -> str:
    allowed = {"style-src": style, "script-src": script}
    hashes = {
        name: base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for name, text in allowed.items()
    }
    sources = "; ".join(f"{name} 'sha256-{value}'" for name, value in hashes.items())
    return f"default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; {sources}"


def _glance(comparison: Comparison) -> list[tuple[str, str]]:
    """How large the comparison is, as rows of a label and a text."""
    question, outcomes = comparison.question, comparison.outcomes
    seeds = outcomes.groupby(["contender", "task"]).size()
    sizes = sorted({int(size) for size in seeds})
    spread = str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}" if sizes else "none"
    targets = [f"{target:.4g} on {task}" for task, target in question.targets.items()]
    origin = question.requested or "what half of the runs reach"
    return [
        ("Contenders", str(len(comparison.contenders))),
        ("Tasks", enumeration(list(comparison.tasks)) or "none"),
        ("Seeds for each", f"{spread}, {'paired' if comparison.paired else 'not paired'}"),
        ("Scoring runs", f"{len(outcomes)}, {int(outcomes['diverged'].sum())} diverged"),
        ("Runs of tuning", str(len(comparison.trials))),
        ("Validation target", f"{enumeration(targets)} ({origin})" if targets else "none"),
    ]


def _keys(comparison: Comparison) -> list[Key]:
    from matplotlib.markers import MarkerStyle

    keys = []
    for style in styles_of(comparison.contenders).values():
        marker = MarkerStyle(style.marker)
        outline = marker.get_path().transformed(marker.get_transform())
        parts = [
            "M" + "L".join(f"{x:.2f},{-y:.2f}" for x, y in np.asarray(polygon)) + "Z"
            for polygon in outline.to_polygons()
        ]
        keys.append(Key(style.colour, "".join(parts)))
    return keys


def _embed(comparison: Comparison, picture: Picture) -> EmbeddedPicture:
    width, height = picture.figure.get_size_inches()
    contenders = enumeration(list(comparison.contenders), most=12)
    return EmbeddedPicture(
        picture.name,
        picture.title,
        picture.caption,
        f"{picture.title} of {contenders}. {picture.caption}",
        "data:image/svg+xml;base64," + base64.b64encode(picture.svg).decode(),
        round(width * ZOOM),
        round(height * ZOOM),
        picture.shaded,
    )


def _provenance_lines(provenance: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """The provenance except commands, which are shown apart; an entry of a mapping or list is a line."""
    entries = []
    for name, value in provenance.items():
        if name in ("commands", "configurations"):
            continue
        if isinstance(value, dict):
            lines = [f"{key}: {entry}" for key, entry in value.items()]
        else:
            lines = [str(item) for item in (value if isinstance(value, list | tuple) else [value])]
        entries.append((name, lines))
    return entries
