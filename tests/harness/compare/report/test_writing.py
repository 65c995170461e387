"""The files of a report in their folder."""

from __future__ import annotations

from pathlib import Path

import pytest

import comparisons
from harness.compare.report.document import decode
from harness.compare.report.writing import write_report


@pytest.mark.slow
def test_all_files_of_a_report(tmp_path):
    comparison = comparisons.two_optimizers()
    folder = tmp_path / "a" / "report"
    paths = write_report(comparison, folder, pdf=True)
    names = [str(path.relative_to(folder)) for path in paths]
    assert names[:3] == ["report.html", "comparison.json", "table.tex"]
    assert {"summary.csv", "pairs.csv", "curves.csv"} <= set(names)
    assert {"pictures/scores.svg", "pictures/scores.pdf"} <= set(names)
    assert sorted(paths) == sorted(path for path in folder.rglob("*") if path.is_file())
    without = write_report(comparison, tmp_path / "without")
    assert not [path for path in without if path.suffix == ".pdf"]


def test_without_runs_there_is_a_page_that_says_so(tmp_path):
    texts = {
        path.suffix: path.read_text("utf-8") for path in write_report(comparisons.empty(), tmp_path)
    }
    assert "There are no runs to compare." in texts[".html"]
    assert decode(texts[".json"]).contenders == ()


def test_a_folder_holds_one_report_and_what_others_have_put_there(tmp_path):
    """A report on another question takes the place of the former one, and touches nothing else."""
    folder, foreign = tmp_path / "report", {"notes.txt", "pictures/mine.svg"}
    outdated = {
        path.relative_to(folder) for path in write_report(comparisons.factors(), folder, pdf=True)
    }
    for name in foreign:
        (folder / name).write_text("mine")
    elsewhere = tmp_path / "elsewhere.csv"
    elsewhere.write_text("mine")
    with (folder / "files.txt").open("a") as file:
        file.write("../elsewhere.csv\n")
    paths = {path.relative_to(folder) for path in write_report(comparisons.regression(), folder)}
    assert outdated - paths, "or there is nothing to take away"
    present = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    assert present == paths | {*map(Path, foreign)}
    assert elsewhere.read_text() == "mine"
