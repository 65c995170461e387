"""What is asked of a main loss, beside what `loss_terms.py` asks of every loss."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.contracts import Task
from harness.testing.assertions import assert_equal
from harness.testing.check_results import Skip, Violation
from harness.testing.dependencies import depends_on
from harness.testing.requirements import loss_terms
from harness.testing.requirements.loss_terms import LossExample
from harness.testing.subject import Subject

__all__ = ["REQUIREMENTS"]

HEADS = {  # the output activations that suit a task
    Task.BINARY: {"softmax", "sigmoid"},
    Task.MULTICLASS: {"softmax"},
    Task.MULTILABEL: {"sigmoid"},
    Task.REGRESSION: {"identity"},
}


def fits_its_tasks(subject: Subject) -> None:
    """It names tasks, defaults among them, and an output activation that suits every one of them."""
    loss: Any = subject.example
    activation, tasks, defaults = loss.output_activation, set(loss.tasks), set(loss.default_for)
    if not tasks or not tasks <= set(Task) or not defaults <= tasks:
        raise Violation(
            f"tasks is {_words(tasks)}, default_for is {_words(defaults)}.",
            "Set tasks to a frozenset of harness.Task, and default_for to some of these, or none.",
        )
    for task in sorted(tasks):
        if activation not in HEADS[task]:
            raise Violation(
                f"output_activation is {activation!r}, and {task} wants {_words(HEADS[task])}.",
                "Take the task out of tasks, or name the activation that its outputs go through.",
            )


@depends_on(loss_terms.keeps_shape_and_dtype, loss_terms.leaves_its_arguments_alone)
def takes_a_target_that_runs_share(subject: Subject) -> None:
    """A target (B, K) gives the same bits as that target repeated for each run, (R, B, K)."""
    for loss in subject.variants():
        for shape in loss_terms.SHAPES:
            term = LossExample.of(loss, shape)
            shared = term.targets[0][0]
            each = LossExample(loss, term.output, (np.stack([shared] * shape[0]),))
            one = LossExample(loss, term.output, (shared,))
            remedy = (
                "Let the target broadcast: index axes from the end, and assume no axis of runs."
            )
            assert_equal(
                one.value(), each.value(), "The values of a shared and a repeated target", remedy
            )
            assert_equal(one.gradient(), each.gradient(), "Their gradients", remedy)


@depends_on(loss_terms.keeps_shape_and_dtype)
def stays_finite_far_out(subject: Subject) -> None:
    """Outputs of ±1e4 before a softmax or sigmoid have finite values and gradients, in float32 too."""
    if subject.example.output_activation == "identity":
        raise Skip("its outputs are not squashed")
    for dtype in ("float64", "float32"):
        term = LossExample.of(subject.example, (3, 6, 4), dtype)
        far = LossExample(
            subject.example, np.sign(term.output) * np.array(1e4, dtype), term.targets
        )
        for what, found in (("value", far.value()), ("gradient", far.gradient())):
            if not np.isfinite(found).all():
                raise Violation(
                    f"{np.count_nonzero(~np.isfinite(found))} of {found.size} numbers of {what} are "
                    f"not finite for outputs of ±1e4 in {dtype}.",
                    "Take the largest output off before exp, and log p from outputs, not from p.",
                )


def _words(names: Any) -> str:
    return ", ".join(sorted(str(name) for name in names)) or "none"


REQUIREMENTS = (
    fits_its_tasks,
    *loss_terms.REQUIREMENTS,
    takes_a_target_that_runs_share,
    stays_finite_far_out,
)
