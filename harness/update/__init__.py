"""How update rules are applied to θ, for all backends. Plugins import these names from here.

A wrapper is a rule that has its turn before or after another one. So wrappers need no runner: the
runs of each rule have a chain of blocks (`chain.py`), and each block goes to the backend's updater
by itself, at its own scope, as if it were the only rule. A composed rule, `Ema(inner=Adam())`,
would have the narrowest scope of its parts and could not be exchanged in a configuration; a hook
before and after the step would be a second kind of code for backends to know. Wrappers are part of
the key by which rules are sorted, so a stack may hold runs with different ones. A backend that
compiles whole steps finds wrappers among its blocks if it says so (`compiles_wrappers`). Where
several say at which parameters to judge (`evaluated`), the outermost does.

The core runs a rule that needs another gradient (`extra_gradients.py`). `Scope.OBJECTIVE` is VECTOR
with one more argument, the batch of the step, which gives ∇ℒ at other parameters. These calls cannot
be recorded and cost more than all the rest, so the rule runs as it is written, with a column for
every number, on a program bound to its rows: a run sees the same shapes of numbers in any company.
`where` is a part of the call and not of the rule's code, since the runs of a stack are at different
steps: the gradient is computed if any of them wants it, and the others get zeros.
"""

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
