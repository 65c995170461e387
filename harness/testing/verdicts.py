"""What comes of holding a component against a rule."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Outcome", "Skip", "Status", "Violation"]


class Violation(Exception):
    """A component breaks a rule. found: what it does, with the numbers. remedy: how to mend it."""

    def __init__(self, found: str, remedy: str) -> None:
        super().__init__(f"{found} {remedy}")
        self.found = found
        self.remedy = remedy


class Skip(Exception):
    """A rule has nothing to say here; the message is the reason."""


class Status(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Outcome:
    """One component, one rule.

    rule: its name. text: the rule in words. note: what else there is to know of a check that passed,
    or why it was skipped. waits_for: the outcome for whose sake it was skipped, if any. found, remedy:
    of a violation. frames: the plugin's own, where it raised.
    """

    rule: str
    text: str
    status: Status
    note: str = ""
    found: str = ""
    remedy: str = ""
    frames: str = ""
    waits_for: Outcome | None = None

    @property
    def failed(self) -> bool:
        """Whether the rule is broken."""
        return self.status is Status.FAILED
