"""The order of requirements: a check tells nothing while one that it depends on fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["depends_on"]


def depends_on(*earlier: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Marks a requirement that is skipped unless the earlier ones pass: one mistake, one message."""

    def mark(requirement: Callable[..., Any]) -> Callable[..., Any]:
        vars(requirement)["depends_on"] = earlier
        return requirement

    return mark
