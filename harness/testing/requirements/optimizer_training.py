"""Requirements for optimizers and wrappers in training on backends; `optimizers.py` has the others."""

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
from harness.testing.fixtures.problem import STEPS, train_stack
from harness.testing.fixtures.steps import (
    NETWORK,
    SteppedStack,
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
    accepts_a_column_for_every_number,
    evaluated_returns_parameters_like_theta,
    sees_no_more_than_its_scope,
)
from harness.testing.subject import Subject

__all__ = ["REQUIREMENTS"]


@depends_on(
    accepts_a_column_for_every_number,
    sees_no_more_than_its_scope,
    evaluated_returns_parameters_like_theta,
)
def trains_in_a_stack_as_alone(subject: Subject) -> None:
    """Runs that differ in every float field train the same in a stack as alone, on every backend: to
    the last bit where the backend promises it, else to 1e-10 in float64 and 1e-4 in float32."""
    rules, seeds = subject.distinct_instances(4), [0, 1, 2, 3]
    trainers = _backends(subject)
    for (name, backend), dtype in itertools.product(trainers, PRECISIONS):
        backend = with_dtype(backend, dtype)  # noqa: PLW2901 - the same one, in this dtype
        stack = train_stack(backend, rules, seeds).theta
        for r, rule in enumerate(rules):
            assert_close(
                stack[[r]],
                train_stack(backend, [rule], [seeds[r]]).theta,
                stack_tolerance(backend),
                f"θ of run {r} after {STEPS} steps on {name} in {dtype}, in a stack of 4 and alone",
                "Keep runs apart: reduce over the last axes only, never over axis 0.",
            )


@depends_on(accepts_a_column_for_every_number)
def continues_from_a_checkpoint(subject: Subject) -> None:
    """Training that goes on from θ and the state, saved as safetensors and loaded, leads to the same
    bits as without a pause."""
    if subject.component.scope is Scope.BACKEND:  # type: ignore[attr-defined]  # rules have it
        raise Skip("the backend has the formula, and keeps no state in arrays")
    rule, gradients = subject.example, random_gradients(8, 2)
    lr = np.full((2, 1), base_rate(rule))
    trainers = _backends(subject)
    for (name, backend), dtype in itertools.product(trainers, PRECISIONS):
        backend = with_dtype(backend, dtype)  # noqa: PLW2901 - the same one, in this dtype
        whole = SteppedStack(backend, rule, initial_theta(2)).advance(gradients, 1, lr)
        first = SteppedStack(backend, rule, initial_theta(2))
        theta = first.advance(gradients[:4], 1, lr)
        content = state_to_bytes(backend, first.state)
        SteppedStack(backend, rule, initial_theta(2)).advance(
            -gradients[:5], 1, lr
        )  # nothing may be remembered of these steps
        second = SteppedStack(backend, dataclasses.replace(rule), theta)
        second.state = state_from_bytes(backend, content, second.state)
        assert_equal(
            second.advance(gradients[4:], 5, lr),
            whole,
            f"θ after 8 steps on {name} in {dtype}, with a checkpoint after 4 and without one",
            "Keep everything that a rule remembers in the state that init and step return.",
        )


@depends_on(accepts_a_column_for_every_number)
def trains_alike_on_every_backend(subject: Subject) -> str:
    """Training in float64 leads to the same θ on every installed backend, to 1e-10."""
    rules, seeds = subject.distinct_instances(3), [0, 1, 2]
    (first, backend), *rest = _backends(subject)
    if not rest:
        raise Skip(f"only one backend runs here: {first}")
    expected = train_stack(backend, rules, seeds).theta
    for name, other in rest:
        assert_close(
            train_stack(other, rules, seeds).theta,
            expected,
            TOLERANCE,
            f"θ after {STEPS} steps on {name} and on {first}",
            "Use only arithmetic and array_namespace(theta), and never look at the type of an array.",
        )
    return ", ".join((first, *dict(rest)))


def _backends(subject: Subject) -> list[tuple[str, Any]]:
    usable = [
        (name, backend)
        for name, backend in agreeing_backends(subject.registry).items()
        if _accepts(subject.example, backend)
    ]
    if not usable:
        raise Skip("no backend here runs it in float64")
    return usable


def _accepts(rule: Any, backend: Any) -> bool:
    """Whether the rule's own `check`, if it has one, accepts the backend."""
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
