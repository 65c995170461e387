"""All files of a report, in one folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.compare.pictures.gallery import gallery, save_pdf, save_svg
from harness.compare.report.csv_files import write_csv
from harness.compare.report.document import encode
from harness.compare.report.html import page
from harness.compare.report.latex import table
from harness.compare.report.standings import best_of, places

if TYPE_CHECKING:
    from harness.compare.comparison import Comparison

__all__ = ["write"]


def write(comparison: Comparison, folder: Path, *, pdf: bool = False) -> list[Path]:
    """Writes report.html, comparison.json, table.tex, a CSV file for each frame, and each picture as
    SVG (and PDF) under pictures/. Returns their paths, that of the page first.

    folder: made if need be; files of the same names are replaced.
    """
    tasks = places(comparison)
    pictures = gallery(comparison, best_of(comparison, tasks[0]) if tasks else None)
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    texts = {"report.html": page(comparison, pictures), "comparison.json": encode(comparison)}
    if tasks:
        texts["table.tex"] = table(comparison)
    paths = [folder / name for name in texts]
    for path, text in zip(paths, texts.values(), strict=True):
        path.write_text(text, encoding="utf-8")
    paths += write_csv(comparison, folder)
    for picture in pictures:
        paths.append(save_svg(picture, folder / "pictures"))
        if pdf:
            paths.append(save_pdf(picture, folder / "pictures"))
    return paths
