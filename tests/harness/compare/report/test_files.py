"""CSV, JSON and LaTeX: what is written can be read, and is what was there."""

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pandas import read_csv
from pandas.testing import assert_frame_equal

import comparisons
from harness.compare.report import latex
from harness.compare.report.csv_files import frames_of, write_csv
from harness.compare.report.document import decode, encode
from harness.compare.report.standings import places, standings
from harness.compare.report.writing import write_report

ALL = [name for name in comparisons.__all__ if name != "HOSTILE"]


@pytest.mark.parametrize("name", ALL)
def test_json_reads_back_as_it_was(name):
    made = getattr(comparisons, name)()
    back = decode(encode(made))
    assert (back.question, back.contenders, back.tasks) == (
        made.question,
        made.contenders,
        made.tasks,
    )
    assert (back.paired, back.caveats, back.provenance) == (
        made.paired,
        made.caveats,
        made.provenance,
    )
    for frame, expected in frames_of(made).items():
        assert_frame_equal(getattr(back, frame), expected, check_dtype=len(expected) > 0)


def test_json_has_no_literals_that_json_does_not_know():
    def refuse(literal):
        raise AssertionError(literal)

    document = json.loads(encode(comparisons.three_on_two()), parse_constant=refuse)
    frame = document["frames"]["outcomes"]
    names = [column["name"] for column in frame["columns"]]
    lost = next(row for row in frame["rows"] if row[names.index("diverged")])
    assert lost[names.index("test")] is None
    assert lost[names.index("steps")] == "inf"
    assert frame["columns"][names.index("steps")]["type"] == "number"


def test_values_of_several_kinds_text_called_inf_and_numpys_numbers_survive():
    made = comparisons.two_optimizers()
    trials = made.trials.head(3).assign(
        mixed=[1, "a", None], hidden=["inf", "nan", "16"], none=[None, None, "x"]
    )
    provenance = {"score": np.float64(math.inf), "runs": np.int64(3), "deep": {"a": (1, math.nan)}}
    back = decode(encode(replace(made, trials=trials, provenance=provenance)))
    assert back.trials["hidden"].tolist() == ["inf", "nan", "16"]
    assert back.trials["mixed"].tolist() == [1, "a", None]
    assert back.trials["none"].isna().tolist() == [True, True, False]
    assert back.provenance == {"score": "inf", "runs": 3, "deep": {"a": [1, None]}}


@pytest.mark.parametrize("text", ["[]", "{}", '{"format": "harness comparison 0"}'])
def test_another_document_is_refused(text):
    with pytest.raises(ValueError, match="harness comparison 1"):
        decode(text)


def test_csv_files_hold_every_frame_with_rows_in_full_precision(tmp_path):
    made = comparisons.three_on_two()
    paths = write_csv(made, tmp_path)
    frames = {name: frame for name, frame in frames_of(made).items() if len(frame)}
    assert [path.name for path in paths] == [f"{name}.csv" for name in frames]
    for path, frame in zip(paths, frames.values(), strict=True):
        back = read_csv(path)
        assert_frame_equal(back, frame, check_dtype=False, check_exact=True)
    assert {"outcomes", "trials", "curves", "summary", "times", "pairs"} <= set(frames)


ESCAPED = re.compile(r"\\[a-zA-Z]+|\\.|[{}&$#_%^~]|[^\\{}&$#_%^~]+", re.DOTALL)


def cells_of(row):
    """The cells of a row of a table, with a check that its groups are closed."""
    cells, depth = [""], 0
    for token in ESCAPED.findall(row):
        assert token not in ("#", "_", "%", "^", "~"), row
        depth += {"{": 1, "}": -1}.get(token, 0)
        assert depth >= 0
        if token == "&":
            assert depth == 0
            cells.append("")
        else:
            cells[-1] += token
    assert depth == 0
    return [cell.strip() for cell in cells]


@pytest.mark.parametrize("name", ["two_optimizers", "three_on_two", "hostile", "regression"])
def test_the_latex_table_is_whole(name):
    made = getattr(comparisons, name)()
    text = latex.table(made)
    (columns,) = re.findall(r"\\begin\{tabular\}\{(\w+)\}", text)
    body = text.split(r"\toprule")[1].split(r"\bottomrule")[0]
    rows = [line.strip() for line in body.splitlines() if line.strip() not in ("", r"\midrule")]
    assert all(row.endswith(r"\\") for row in rows)
    assert {len(cells_of(row.removesuffix(r"\\"))) for row in rows} == {len(columns)}
    assert len(rows) == 1 + sum(len(standings(made, task)) for task in places(made))
    assert body.count(r"\midrule") == len(places(made))
    for begun in re.findall(r"\\begin\{(\w+)\}", text):
        assert text.count(rf"\end{{{begun}}}") == 1


def test_the_best_is_bold_and_its_interval_is_beside_it():
    made = comparisons.two_optimizers()
    row = next(line for line in latex.table(made).splitlines() if "adam" in line)
    cells = cells_of(row.strip().removesuffix(r"\\"))
    test = standings(made, "digits")[0].test
    assert cells[:4] == ["digits", r"\textbf{adam}", "10", "0"]
    assert cells[5] == (
        rf"\textbf{{{test.value:.4f}}} {{\small [{test.low:.4f}, {test.high:.4f}]}}"
    )
    assert cells[6:] == [r"100\%", "540"]


def test_every_special_character_is_escaped():
    text = latex.escape('\\{}$&%#_~^<>|"²−…\n\x00a')
    assert "$" not in text.replace(r"\$", "")
    assert cells_of(text)
    assert "\n" not in text
    assert "\x00" not in text


@pytest.mark.slow
def test_all_files_of_a_report(tmp_path):
    made = comparisons.two_optimizers()
    folder = tmp_path / "a" / "report"
    paths = write_report(made, folder, pdf=True)
    names = [str(path.relative_to(folder)) for path in paths]
    assert names[:3] == ["report.html", "comparison.json", "table.tex"]
    assert {"summary.csv", "pairs.csv", "curves.csv"} <= set(names)
    assert {"pictures/scores.svg", "pictures/scores.pdf"} <= set(names)
    assert sorted(paths) == sorted(path for path in folder.rglob("*") if path.is_file())
    without = write_report(made, tmp_path / "without")
    assert not [path for path in without if path.suffix == ".pdf"]


def test_without_runs_there_is_a_page_that_says_so(tmp_path):
    found = {
        path.suffix: path.read_text("utf-8") for path in write_report(comparisons.empty(), tmp_path)
    }
    assert "There are no runs to compare." in found[".html"]
    assert decode(found[".json"]).contenders == ()


def test_a_folder_holds_one_report_and_what_others_have_put_there(tmp_path):
    """A report on another question takes the place of the former one, and touches nothing else."""
    folder, own = tmp_path / "report", {"notes.txt", "pictures/mine.svg"}
    outdated = {
        path.relative_to(folder) for path in write_report(comparisons.factors(), folder, pdf=True)
    }
    for name in own:
        (folder / name).write_text("mine")
    elsewhere = tmp_path / "elsewhere.csv"
    elsewhere.write_text("mine")
    with (folder / "files.txt").open("a") as file:
        file.write("../elsewhere.csv\n")
    paths = {path.relative_to(folder) for path in write_report(comparisons.regression(), folder)}
    assert outdated - paths, "or there is nothing to take away"
    found = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    assert found == paths | {*map(Path, own)}
    assert elsewhere.read_text() == "mine"
