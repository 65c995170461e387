"""Requirements for wrappers. Most are those of update rules: backends run wrappers as such."""

from __future__ import annotations

from harness.contracts import Scope, Turn
from harness.testing.check_results import Violation
from harness.testing.dependencies import depends_on
from harness.testing.fixtures.steps import descent, initial_theta
from harness.testing.requirements import optimizers
from harness.testing.requirements.optimizers import keeps_shape_dtype_and_slots
from harness.testing.subject import Subject

__all__ = ["REQUIREMENTS"]


def states_its_scope_and_turn(subject: Subject) -> None:
    """`scope` is a harness.Scope other than BACKEND, and `turn` a harness.Turn."""
    scope, turn = subject.component.scope, subject.component.turn  # type: ignore[attr-defined]  # rules have it
    if not isinstance(scope, Scope) or scope is Scope.BACKEND:
        raise Violation(
            f"scope is {scope!r}.",
            "Set scope: ClassVar[Scope] = Scope.ELEMENT, TENSOR, VECTOR or OBJECTIVE.",
        )
    if not isinstance(turn, Turn):
        raise Violation(
            f"turn is {turn!r}.", "Set turn: ClassVar[Turn] = Turn.GRADIENT, BEFORE or AFTER."
        )


@depends_on(keeps_shape_dtype_and_slots)
def lets_a_rule_go_downhill(subject: Subject) -> None:
    """With its defaults, 50 steps around momentum lead from 0 to a smaller ½‖θ − c‖²."""
    center = initial_theta(3)
    theta = descent(subject.example, 0 * center, center, 50)
    first, last = (0.5 * ((x - center) ** 2).sum(-1) for x in (0 * center, theta))
    if not (last < first).all():
        raise Violation(
            f"½‖θ − c‖² of the three runs went from {first.round(4)} to {last.round(4)}.",
            "Return what the turn says: the gradient at Turn.GRADIENT, else θ.",
        )


REQUIREMENTS = (
    states_its_scope_and_turn,
    optimizers.starts_from_arrays_like_theta,
    optimizers.keeps_shape_dtype_and_slots,
    optimizers.leaves_its_arguments_alone,
    optimizers.touches_no_global_generator,
    optimizers.stays_finite_without_a_gradient,
    optimizers.accepts_a_column_for_every_number,
    optimizers.sees_no_more_than_its_scope,
    optimizers.evaluated_returns_parameters_like_theta,
    lets_a_rule_go_downhill,
)
