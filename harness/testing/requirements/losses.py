"""Requirements for main losses; `loss_terms.py` has those of all losses."""

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

OUTPUT_ACTIVATIONS = {  # those that suit a task
    Task.BINARY: {"softmax", "sigmoid"},
    Task.MULTICLASS: {"softmax"},
    Task.MULTILABEL: {"sigmoid"},
    Task.REGRESSION: {"identity"},
}


def fits_its_tasks(subject: Subject) -> None:
    """It names tasks, some of them as default, and an output activation that suits all of them."""
    loss: Any = subject.example
    activation, tasks, defaults = loss.output_activation, set(loss.tasks), set(loss.default_for)
    if not tasks or not tasks <= set(Task) or not defaults <= tasks:
        raise Violation(
            f"tasks is {_words(tasks)}, default_for is {_words(defaults)}.",
            "Set tasks to a frozenset of harness.Task, and default_for to a subset of it.",
        )
    for task in sorted(tasks):
        suitable = OUTPUT_ACTIVATIONS[task]
        if activation not in suitable:
            raise Violation(
                f"output_activation is {activation!r}, and {task} needs {_words(suitable)}.",
                "Remove the task from tasks, or name the activation that follows its outputs.",
            )


@depends_on(loss_terms.keeps_shape_and_dtype, loss_terms.leaves_its_arguments_alone)
def accepts_a_target_shared_by_runs(subject: Subject) -> None:
    """A target (B, K) gives the same bits as a copy of it for each run, (R, B, K)."""
    for loss in subject.variants():
        for shape in loss_terms.SHAPES:
            term = LossExample.of(loss, shape)
            shared = term.targets[0][0]
            of_shared = LossExample(loss, term.output, (shared,))
            of_repeated = LossExample(loss, term.output, (np.stack([shared] * shape[0]),))
            remedy = (
                "Let the target broadcast: index its axes from the end, it may lack that of runs."
            )
            assert_equal(
                of_shared.value(),
                of_repeated.value(),
                "The values of a shared and a repeated target",
                remedy,
            )
            assert_equal(
                of_shared.gradient(),
                of_repeated.gradient(),
                "The gradients of a shared and a repeated target",
                remedy,
            )


@depends_on(loss_terms.keeps_shape_and_dtype)
def stays_finite_for_large_outputs(subject: Subject) -> None:
    """Value and gradient are finite for outputs of ±1e4 before a softmax or sigmoid, also in float32."""
    if subject.example.output_activation == "identity":
        raise Skip("its outputs go through no softmax or sigmoid")
    for dtype in ("float64", "float32"):
        term = LossExample.of(subject.example, (3, 6, 4), dtype)
        far = LossExample(
            subject.example, np.sign(term.output) * np.array(1e4, dtype), term.targets
        )
        for what, array in (("value", far.value()), ("gradient", far.gradient())):
            if not np.isfinite(array).all():
                raise Violation(
                    f"{np.count_nonzero(~np.isfinite(array))} of {array.size} numbers of {what} are "
                    f"not finite for outputs of ±1e4 in {dtype}.",
                    "Subtract the largest output before exp; compute log p from outputs, not from p.",
                )


def _words(names: Any) -> str:
    return ", ".join(sorted(str(name) for name in names)) or "none"


REQUIREMENTS = (
    fits_its_tasks,
    *loss_terms.REQUIREMENTS,
    accepts_a_target_shared_by_runs,
    stays_finite_for_large_outputs,
)
