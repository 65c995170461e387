"""How an update rule meets θ, as all backends share it. Plugins import these names from here."""

from harness.update.scopes import (
    apply,
    evaluated,
    initial_state,
    join,
    keep,
    rule_for,
    with_all_columns,
    with_columns,
)

__all__ = [
    "apply",
    "evaluated",
    "initial_state",
    "join",
    "keep",
    "rule_for",
    "with_all_columns",
    "with_columns",
]
