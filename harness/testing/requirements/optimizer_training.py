"""What is asked of an optimizer in training, on every backend; `optimizers.py` asks the rest."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np

from harness.contracts import Scope
from harness.errors import HarnessError
from harness.testing.assertions import assert_close, assert_equal
from harness.testing.check_results import Skip
from harness.testing.dependencies import depends_on
from harness.testing.fixtures.problem import train_stack
from harness.testing.fixtures.steps import (
    NETWORK,
    UpdaterSteps,
    base_rate,
    initial_theta,
    random_gradients,
    state_from_bytes,
    state_to_bytes,
)
from harness.testing.installed_backends import (
    TOLERANCE,
    agreeing_backends,
    stack_tolerance,
    with_dtype,
)
from harness.testing.requirements.optimizers import (
    PRECISIONS,
    is_judged_at_parameters_like_theta,
    sees_no_more_than_its_scope,
    takes_a_column_for_every_number,
)
from harness.testing.subject import Subject

__all__ = ["REQUIREMENTS"]


@depends_on(
    takes_a_column_for_every_number,
    sees_no_more_than_its_scope,
    is_judged_at_parameters_like_theta,
)
def trains_in_a_stack_as_alone(subject: Subject) -> None:
    """Runs that differ in every float field train in a stack as each does alone, on every backend:
    to the last bit where the backend promises it, else to 1e-10 in float64 and 1e-4 in float32."""
    rules, seeds = subject.distinct_instances(4), [0, 1, 2, 3]
    found = _trainers(subject)
    for (name, backend), dtype in itertools.product(found, PRECISIONS):
        backend = with_dtype(backend, dtype)  # noqa: PLW2901
        together = train_stack(backend, rules, seeds).theta
        for r, rule in enumerate(rules):
            assert_close(
                together[[r]],
                train_stack(backend, [rule], [seeds[r]]).theta,
                stack_tolerance(backend),
                f"θ of run {r} after 20 steps on {name} in {dtype}, in a stack of 4 and alone",
                "Let no run see another: reduce over the last axes only, never over axis 0.",
            )


@depends_on(takes_a_column_for_every_number)
def continues_from_a_checkpoint(subject: Subject) -> None:
    """θ and the state, written to safetensors and read back, go on to the same bits."""
    if subject.component.scope is Scope.BACKEND:  # type: ignore[attr-defined]
        raise Skip("a backend runs it by itself, and keeps no state in arrays")
    rule, slopes = subject.example, random_gradients(8, 2)
    lr = np.full((2, 1), base_rate(rule))
    found = _trainers(subject)
    for (name, backend), dtype in itertools.product(found, PRECISIONS):
        backend = with_dtype(backend, dtype)  # noqa: PLW2901
        whole = UpdaterSteps(backend, rule, initial_theta(2)).go(slopes, 1, lr)
        first = UpdaterSteps(backend, rule, initial_theta(2))
        theta = first.go(slopes[:4], 1, lr)
        content = state_to_bytes(backend, first.state)
        UpdaterSteps(backend, rule, initial_theta(2)).go(
            -slopes[:5], 1, lr
        )  # what it must not remember
        second = UpdaterSteps(backend, dataclasses.replace(rule), theta)
        second.state = state_from_bytes(backend, content, second.state)
        assert_equal(
            second.go(slopes[4:], 5, lr),
            whole,
            f"θ after 8 steps on {name} in {dtype}, with a checkpoint after 4 and without one",
            "Keep all that a rule remembers in the state that init and step return.",
        )


@depends_on(takes_a_column_for_every_number)
def trains_alike_on_every_backend(subject: Subject) -> str:
    """20 steps of training in float64 lead to the same θ on every installed backend, to 1e-10."""
    rules, seeds = subject.distinct_instances(3), [0, 1, 2]
    (first, backend), *others = _trainers(subject)
    if not others:
        raise Skip(f"only one backend runs here: {first}")
    expected = train_stack(backend, rules, seeds).theta
    for name, other in others:
        assert_close(
            train_stack(other, rules, seeds).theta,
            expected,
            TOLERANCE,
            f"θ after 20 steps on {name} and on {first}",
            "Use arithmetic and array_namespace(theta) alone, and ask no array for its type.",
        )
    return ", ".join((first, *dict(others)))


def _trainers(subject: Subject) -> list[tuple[str, Any]]:
    found = [
        (name, backend)
        for name, backend in agreeing_backends(subject.registry).items()
        if _runs(subject.example, backend)
    ]
    if not found:
        raise Skip("no backend that computes in float64 runs it here")
    return found


def _runs(rule: Any, backend: Any) -> bool:
    """Whether the rule has nothing against the backend."""
    try:
        if hasattr(rule, "check"):
            rule.check(backend, NETWORK)
    except HarnessError:
        return False
    return True


REQUIREMENTS = (
    trains_in_a_stack_as_alone,
    continues_from_a_checkpoint,
    trains_alike_on_every_backend,
)
