"""How the check of a component against a requirement can end."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["CheckResult", "CheckStatus", "Skip", "Violation"]


class Violation(Exception):
    """A component does not meet a requirement.

    Args:
        found: What the component does, with the numbers.
        remedy: How to fix it.
    """

    def __init__(self, found: str, remedy: str) -> None:
        super().__init__(f"{found} {remedy}")
        self.found = found
        self.remedy = remedy


class Skip(Exception):
    """A requirement does not apply here; the message is the reason."""


class CheckStatus(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class CheckResult:
    """What the check of one component against one requirement has shown.

    Attributes:
        requirement: Name of the requirement.
        statement: The requirement in words.
        status: How the check ended.
        note: Reason of a skip, or a remark on a check that passed.
        found: What the component does, where it violates the requirement.
        remedy: How to fix that.
        frames: Traceback within the component's own package, where it raised.
        waits_for: Failed result because of which this check was skipped.
    """

    requirement: str
    statement: str
    status: CheckStatus
    note: str = ""
    found: str = ""
    remedy: str = ""
    frames: str = ""
    waits_for: CheckResult | None = None

    @property
    def failed(self) -> bool:
        """Whether the requirement is broken."""
        return self.status is CheckStatus.FAILED
