"""All files of a report, in one folder.

`files.txt` lists them, so that the next report in the folder, on another question, deletes the files
that it does not replace, and none that somebody else has put there.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from harness.compare.pictures.gallery import gallery, save_pdf, save_svg
from harness.compare.report.csv_files import write_csv
from harness.compare.report.document import encode
from harness.compare.report.html import page
from harness.compare.report.latex import table
from harness.compare.report.standings import best_of, task_groups

if TYPE_CHECKING:
    from harness.compare.comparison import Comparison

__all__ = ["FILES", "outdated", "write_report"]

FILES = "files.txt"


def write_report(comparison: Comparison, folder: Path, *, pdf: bool = False) -> list[Path]:
    """Writes report.html, comparison.json, table.tex, a CSV file for each frame, each picture as SVG
    (and PDF) under pictures/, and files.txt.

    Args:
        comparison: The comparison to report.
        folder: It is made if need be; files of an earlier report in it are replaced or deleted.
        pdf: Whether pictures are written as PDF too.

    Returns:
        The paths of the files, that of the page first.
    """
    before = _listed(folder)
    tasks = task_groups(comparison)
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
    paths.append(folder / FILES)
    names = [path.relative_to(folder).as_posix() for path in paths]
    for name in outdated(before, names):
        path = folder / name
        if path.resolve().is_relative_to(folder.resolve()):  # the list may have come from elsewhere
            path.unlink(missing_ok=True)
    paths[-1].write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    return paths


def outdated(before: str, names: Iterable[str]) -> list[str]:
    """The files of the list of an earlier report that are not among these.

    Args:
        before: The text of its `files.txt`.
        names: The files of the present report.
    """
    present = set(names)
    return [name for name in before.splitlines() if name not in present]


def _listed(folder: Path) -> str:
    try:
        return (folder / FILES).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
