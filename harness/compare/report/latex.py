r"""The standings as a table for a paper: booktabs, the best of each task in bold.

It needs \usepackage{booktabs} alone. Names are escaped, so that any of them compiles.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from harness.compare.report.standings import ALL, Standing, judged_by, standings, task_groups
from harness.compare.report.verdict import metric_name
from harness.compare.report.wording import Estimate, score, time

if TYPE_CHECKING:
    from harness.compare.comparison import Comparison

__all__ = ["escape", "table"]

SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "²": r"\textsuperscript{2}",
    "−": r"\textminus{}",
    "…": r"\dots{}",
    "–": "--",
}


def escape(text: str) -> str:
    r"""A name escaped so that LaTeX prints it letter for letter, on one line.

    >>> print(escape("50% of $x_1$ \\ {a}"))
    50\% of \$x\_1\$ \textbackslash{} \{a\}
    """
    line = " ".join(text.split())
    return "".join(SPECIAL.get(c, c if c.isprintable() else "?") for c in line)


def table(comparison: Comparison) -> str:
    """The table, as a float with a caption. "" where there are no runs."""
    tasks = task_groups(comparison)
    if not tasks:
        return ""
    rows = {task: standings(comparison, task) for task in tasks}
    every = [row for rows_of_task in rows.values() for row in rows_of_task]
    parts = [p for p in ("validation", "test") if any(_known(getattr(r, p)) for r in every)]
    timed = any(not math.isnan(row.reached) for row in every)
    metric = escape(metric_name(comparison))
    head = ["Task", escape(_factors(comparison)), "Runs", "Diverged"]
    head += [f"{part.capitalize()} {metric}" for part in parts]
    head += ["Reached", "Steps"] if timed else []
    columns = "llrr" + "l" * len(parts) + ("rr" if timed else "")
    part = judged_by(comparison)
    blocks = [
        "\n".join(
            _row(_task(comparison, task) if number == 0 else "", row, parts, part, timed=timed)
            for number, row in enumerate(rows_of_task)
        )
        for task, rows_of_task in rows.items()
    ]
    return "\n".join(
        [
            r"% \usepackage{booktabs}",
            r"\begin{table}",
            r"  \centering",
            rf"  \caption{{{_caption(comparison, timed=timed)}}}",
            rf"  \begin{{tabular}}{{{columns}}}",
            r"    \toprule",
            f"    {' & '.join(head)} \\\\",
            r"    \midrule",
            "\n    \\midrule\n".join(blocks),
            r"    \bottomrule",
            r"  \end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _row(task: str, row: Standing, parts: list[str], judged: str, *, timed: bool) -> str:
    name = escape(row.contender)
    cells = [task, rf"\textbf{{{name}}}" if row.best else name, str(row.runs), str(row.diverged)]
    for part in parts:
        cells.append(_estimate(getattr(row, part), bold=row.best and part == judged))
    if timed:
        reached = "--" if math.isnan(row.reached) else rf"{row.reached:.0%}".replace("%", r"\%")
        cells += [reached, time(row.steps).replace("-", "--")]
    return f"    {' & '.join(cells)} \\\\"


def _estimate(estimate: Estimate, *, bold: bool) -> str:
    if not _known(estimate):
        return "--"
    value = rf"\textbf{{{score(estimate.value)}}}" if bold else score(estimate.value)
    if math.isnan(estimate.low) or math.isnan(estimate.high):
        return _minus(value)
    # In a group, since LaTeX would read a bracket after \\ as an optional argument
    return _minus(rf"{value} {{\small [{score(estimate.low)}, {score(estimate.high)}]}}")


def _minus(text: str) -> str:
    return text.replace("-", "$-$")


def _known(estimate: Estimate) -> bool:
    return math.isfinite(estimate.value)


def _task(comparison: Comparison, task: str) -> str:
    return "All" if task == ALL and ALL not in comparison.tasks else escape(task)


def _factors(comparison: Comparison) -> str:
    return ", ".join(key.split(".")[-1] for key in comparison.question.by).capitalize()


def _caption(comparison: Comparison, *, timed: bool) -> str:
    sentence = (
        "Interquartile means over seeds with 95\\,\\% bootstrap intervals, of the runs that "
        "converged. The best of each task is bold."
    )
    if timed:
        sentence += (
            " Reached: share of runs that reach the validation target; steps: median until then."
        )
    return sentence
