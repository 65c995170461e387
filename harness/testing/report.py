"""What `harness check` prints."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable, Iterator

from harness.testing.check_results import CheckResult, CheckStatus
from harness.testing.subject import Subject
from harness.testing.suite import check_subject

__all__ = ["StatusCounts", "explanation", "tab_separated_lines", "terminal_lines"]


class StatusCounts:
    """How many checks ended in each way."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(CheckStatus, 0)

    def add(self, result: CheckResult) -> None:
        """Counts one more check."""
        self._counts[result.status] += 1

    @property
    def failed(self) -> int:
        """How many requirements are broken."""
        return self._counts[CheckStatus.FAILED]

    def __str__(self) -> str:
        return ", ".join(f"{count} {status}" for status, count in self._counts.items())


def terminal_lines(subjects: Iterable[Subject], counts: StatusCounts) -> Iterator[str]:
    """Lines for a person: a heading a component, a line a requirement, and details where it fails."""
    for subject in subjects:
        package = subject.component.__module__.split(".")[0]
        yield f"{subject.kind.replace('_', ' ')} {subject.name} ({package})"
        for result in check_subject(subject):
            counts.add(result)
            status = result.status.upper() if result.failed else result.status
            note = f"  ({result.note})" if result.note else ""
            yield f"  {status:<8} {result.requirement.replace('_', ' ')}{note}"
            if result.failed:
                yield from _details(result)
        yield ""
    yield f"{counts}"


def tab_separated_lines(subjects: Iterable[Subject], counts: StatusCounts) -> Iterator[str]:
    """Lines for a program, one a check: status, component, requirement, and what was found or noted."""
    for subject in subjects:
        for result in check_subject(subject):
            counts.add(result)
            text = f"{result.found} {result.remedy}" if result.failed else result.note
            fields = (result.status, subject.label, result.requirement, " ".join(text.split()))
            yield "\t".join(fields).rstrip()


def explanation(result: CheckResult) -> str:
    """A broken requirement in words: its statement, what was found, how to fix it."""
    return "\n".join(_details(result, indent=""))


def _details(result: CheckResult, indent: str = " " * 11) -> Iterator[str]:
    width = min(shutil.get_terminal_size().columns, 110)
    for label, text in (
        ("requirement", result.statement),
        ("found", result.found),
        ("fix", result.remedy),
    ):
        yield textwrap.fill(
            text,
            width,
            initial_indent=f"{indent}{label + ':':<13}",
            subsequent_indent=f"{indent}{'':<13}",
            break_long_words=False,
        )
    if result.frames:
        yield textwrap.indent(result.frames, indent)
