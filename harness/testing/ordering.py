"""Which rule comes first where one says nothing without the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["after"]


def after(*earlier: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Marks a rule that is skipped while an earlier one is broken: one fault, one message."""

    def mark(rule: Callable[..., Any]) -> Callable[..., Any]:
        vars(rule)["after"] = earlier
        return rule

    return mark
