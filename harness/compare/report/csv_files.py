"""The frames of a comparison as CSV, with full precision; NaN is an empty cell, infinity is inf."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pandas import DataFrame

    from harness.compare.comparison import Comparison

__all__ = ["frames_of", "write_csv"]


def frames_of(comparison: Comparison) -> dict[str, DataFrame]:
    """The frames by their names, in the order of `Comparison`."""
    from pandas import DataFrame

    values = {field.name: getattr(comparison, field.name) for field in fields(comparison)}
    return {name: frame for name, frame in values.items() if isinstance(frame, DataFrame)}


def write_csv(comparison: Comparison, folder: Path) -> list[Path]:
    """Writes NAME.csv for each frame that has rows."""
    paths = []
    for name, frame in frames_of(comparison).items():
        if len(frame):
            paths.append(folder / f"{name}.csv")
            frame.to_csv(paths[-1], index=False, encoding="utf-8")
    return paths
