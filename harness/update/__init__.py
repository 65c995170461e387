"""How an update rule meets θ, as all backends share it. Plugins import these names from here."""

from harness.update.scopes import (
    apply,
    concat,
    evaluated,
    initial_state,
    rule_for,
    select,
    with_all_columns,
    with_columns,
)

__all__ = [
    "apply",
    "concat",
    "evaluated",
    "initial_state",
    "rule_for",
    "select",
    "with_all_columns",
    "with_columns",
]
