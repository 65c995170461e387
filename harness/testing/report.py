"""What `harness check` prints."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable, Iterator

from harness.testing.subject import Subject
from harness.testing.suite import check
from harness.testing.verdicts import Outcome, Status

__all__ = ["Counts", "explained", "for_people", "for_programs"]


class Counts:
    """How many checks ended in each way."""

    def __init__(self) -> None:
        self._ended = dict.fromkeys(Status, 0)

    def add(self, outcome: Outcome) -> None:
        """One more."""
        self._ended[outcome.status] += 1

    @property
    def failed(self) -> int:
        """The rules that are broken."""
        return self._ended[Status.FAILED]

    def __str__(self) -> str:
        return ", ".join(f"{number} {status}" for status, number in self._ended.items())


def for_people(subjects: Iterable[Subject], counts: Counts) -> Iterator[str]:
    """Lines for a terminal: a heading for each component, a line for each rule, more where it fails."""
    for subject in subjects:
        provider = subject.component.__module__.split(".")[0]
        yield f"{subject.kind.replace('_', ' ')} {subject.name} ({provider})"
        for outcome in check(subject):
            counts.add(outcome)
            mark = outcome.status.upper() if outcome.failed else outcome.status
            note = f"  ({outcome.note})" if outcome.note else ""
            yield f"  {mark:<8} {outcome.rule.replace('_', ' ')}{note}"
            if outcome.failed:
                yield from _details(outcome)
        yield ""
    yield f"{counts}"


def for_programs(subjects: Iterable[Subject], counts: Counts) -> Iterator[str]:
    """A line a check, in fields between tabs: status, component, rule, and the reason or finding."""
    for subject in subjects:
        for outcome in check(subject):
            counts.add(outcome)
            said = f"{outcome.found} {outcome.remedy}" if outcome.failed else outcome.note
            fields = (outcome.status, subject.label, outcome.rule, " ".join(said.split()))
            yield "\t".join(fields).rstrip()


def explained(outcome: Outcome) -> str:
    """A broken rule in words: what is asked, what was found, how to mend it."""
    return "\n".join(_details(outcome, indent=""))


def _details(outcome: Outcome, indent: str = " " * 11) -> Iterator[str]:
    width = min(shutil.get_terminal_size().columns, 110)
    for label, text in (
        ("rule", outcome.text),
        ("found", outcome.found),
        ("mend it", outcome.remedy),
    ):
        yield textwrap.fill(
            text,
            width,
            initial_indent=f"{indent}{label + ':':<9}",
            subsequent_indent=f"{indent}{'':<9}",
            break_long_words=False,
        )
    if outcome.frames:
        yield textwrap.indent(outcome.frames, indent)
