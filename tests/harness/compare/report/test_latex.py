"""The LaTeX table is whole, whatever names it holds."""

from __future__ import annotations

import re

import pytest

import comparisons
from harness.compare.report import latex
from harness.compare.report.standings import standings, task_groups

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
    comparison = getattr(comparisons, name)()
    text = latex.table(comparison)
    (columns,) = re.findall(r"\\begin\{tabular\}\{(\w+)\}", text)
    body = text.split(r"\toprule")[1].split(r"\bottomrule")[0]
    rows = [line.strip() for line in body.splitlines() if line.strip() not in ("", r"\midrule")]
    assert all(row.endswith(r"\\") for row in rows)
    assert {len(cells_of(row.removesuffix(r"\\"))) for row in rows} == {len(columns)}
    assert len(rows) == 1 + sum(
        len(standings(comparison, task)) for task in task_groups(comparison)
    )
    assert body.count(r"\midrule") == len(task_groups(comparison))
    for begun in re.findall(r"\\begin\{(\w+)\}", text):
        assert text.count(rf"\end{{{begun}}}") == 1


def test_the_best_is_bold_and_its_interval_is_beside_it():
    comparison = comparisons.two_optimizers()
    row = next(line for line in latex.table(comparison).splitlines() if "adam" in line)
    cells = cells_of(row.strip().removesuffix(r"\\"))
    test = standings(comparison, "digits")[0].test
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
