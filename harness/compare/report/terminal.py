"""A comparison in the terminal: standings, pairs, the verdict, and its caveats."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from harness.compare.report.standings import best_of, pairings, task_groups
from harness.compare.report.tables import Table, pairs_table, standings_table
from harness.compare.report.verdict import NOTHING, verdicts

if TYPE_CHECKING:
    from harness.compare.comparison import Comparison

__all__ = ["print_comparison"]

ALL_PAIRS = 15  # if there are more, only pairs with the best contender are shown


def print_comparison(comparison: Comparison, stream: TextIO) -> None:
    """Prints a comparison: tables in columns on a terminal and tab-separated elsewhere, each followed by
    an empty line."""
    tasks = task_groups(comparison)
    for task in tasks:
        _show_table(standings_table(comparison, task), stream, titled=len(tasks) > 1)
    for task in tasks:
        pairs = len(pairings(comparison, task))
        if not pairs:
            continue
        best = best_of(comparison, task) if pairs > ALL_PAIRS else None
        _show_table(pairs_table(comparison, task, best), stream, titled=len(tasks) > 1)
        if best is not None:
            print(
                _line(f"These are the pairs with {best}; the report has all {pairs}."), file=stream
            )
            print(file=stream)
    for sentence in verdicts(comparison).values() or [NOTHING]:
        print(_line(sentence), file=stream)
    for caveat in comparison.caveats:
        print(f"warning: {_line(caveat)}", file=stream)


def _show_table(table: Table, stream: TextIO, *, titled: bool) -> None:
    cells = [[_line(cell.text) for cell in row] for row in table.rows]
    if not stream.isatty():
        if titled:
            print(_line(table.title), file=stream)
        for line in [[_line(title) for title in table.columns], *cells]:
            print("\t".join(line), file=stream)
        print(file=stream)
        return
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Column
    from rich.table import Table as Framed
    from rich.text import Text

    # Two-line headers, so that a usual table fits into 80 columns
    columns = [
        Column(
            Text(title.replace(" ", "\n", 1)),
            no_wrap=True,
            justify="right" if number in table.numeric else "left",
        )
        for number, title in enumerate(table.columns)
    ]
    title = Text(_line(table.title), style="bold") if titled else None
    framed = Framed(*columns, box=None, padding=(0, 1, 0, 0), title=title, title_justify="left")
    for row, line in zip(table.rows, cells, strict=True):
        # As text: names may hold what rich takes for markup
        framed.add_row(
            *(
                Text(text, style="bold" if cell.strong else "")
                for cell, text in zip(row, line, strict=True)
            )
        )
    console = Console(file=stream, highlight=False)
    # Beyond the terminal's width its lines wrap, and nothing is left out
    console.width = max(
        console.width,
        Measurement.get(console, console.options.update(max_width=10_000), framed).maximum,
    )
    console.print(framed)
    console.print()


def _line(text: str) -> str:
    """The text without characters that would break a line, a field or the terminal.

    >>> _line("a\\tb\\x1b[31m")
    'a b?[31m'
    """
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))
