"""Requirements for optimizers; those that wrappers share take a wrapper for a rule, too."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from harness.contracts import Scope
from harness.fields import float_fields
from harness.testing.assertions import Snapshot, assert_close, assert_equal
from harness.testing.check_results import Violation
from harness.testing.dependencies import depends_on
from harness.testing.fixtures.steps import (
    base_rate,
    changes_gradient,
    descent,
    initial_theta,
    random_gradients,
    single_step,
    steps_as_written,
)
from harness.testing.global_generators import assert_global_generators_untouched
from harness.testing.installed_backends import runnable_backends
from harness.testing.subject import Subject, stack_instances

__all__ = ["REQUIREMENTS"]

PRECISIONS = ("float64", "float32")


def except_backend_rules(
    requirement: Callable[[Subject], str | None],
) -> Callable[[Subject], str | None]:
    """Passes without a check if the rule has Scope.BACKEND: its formula is in a backend."""

    @functools.wraps(requirement)
    def checked(subject: Subject) -> str | None:
        if subject.component.scope is Scope.BACKEND:  # type: ignore[attr-defined]  # rules have it
            return "a backend has the formula"
        return requirement(subject)

    return checked


def states_its_scope_and_rate(subject: Subject) -> None:
    """`scope` is a harness.Scope, and `lr` is a field declared as float."""
    scope = subject.component.scope  # type: ignore[attr-defined]  # rules have it
    if not isinstance(scope, Scope):
        raise Violation(
            f"scope is {scope!r}.", "Set scope: ClassVar[Scope] = Scope.ELEMENT, TENSOR or VECTOR."
        )
    if scope is Scope.BACKEND:  # lr may be a property, the default of a rule in a library
        if not isinstance(subject.example.lr, float):
            raise Violation(
                f"lr is {subject.example.lr!r}.", "Let lr be a float in every instance."
            )
    elif "lr" not in float_fields(subject.component):
        raise Violation(
            f"The float fields are {', '.join(float_fields(subject.component)) or 'none'}.",
            "Declare the field lr: float, the rate that a schedule multiplies.",
        )


@depends_on(states_its_scope_and_rate)
@except_backend_rules
def starts_from_arrays_like_theta(subject: Subject) -> None:
    """`init` returns arrays by name, with the shape and the dtype of θ; with Scope.TENSOR or VECTOR only
    the first axis, of the runs, must be that of θ."""
    for dtype in PRECISIONS:
        theta, _ = _piece(subject, dtype)
        state = subject.example.init(theta)
        _check_state(state, "init")
        for name, slot in state.items():
            free = subject.component.scope is not Scope.ELEMENT  # type: ignore[attr-defined]  # rules have it
            leads = free and np.shape(slot)[:1] == theta.shape[:1]
            _check_array(slot, theta, f"the slot {name!r} from init", slot if leads else theta)


@depends_on(starts_from_arrays_like_theta)
@except_backend_rules
def keeps_shape_dtype_and_slots(subject: Subject) -> None:
    """`step` returns what it changes, and every slot, with unchanged shapes and dtypes."""
    for rule in subject.variants():
        for dtype in PRECISIONS:
            theta, gradient = _piece(subject, dtype)
            state = rule.init(theta)
            new, new_state = single_step(rule, theta, gradient, state)
            changed = "the gradient" if changes_gradient(rule) else "θ"
            _check_array(new, theta, f"{changed} from step", theta)
            _check_state(new_state, "step")
            if set(new_state) != set(state):
                raise Violation(
                    f"init returned the slots {sorted(state)}, and step {sorted(new_state)}.",
                    "Return the same names from both.",
                )
            for name, slot in new_state.items():
                _check_array(slot, theta, f"the slot {name!r} from step", state[name])


@depends_on(starts_from_arrays_like_theta)
@except_backend_rules
def leaves_its_arguments_alone(subject: Subject) -> None:
    """`step` does not write into its arguments, arrays of NumPy or of an installed backend."""
    remedy = "Compute new arrays: no +=, out= or assignment to slices of θ, gradient or state."
    devices = [(np.array, np.asarray)]
    devices += [(b.to_device, b.to_host) for b in runnable_backends(subject.registry).values()]
    for to_device, to_host in devices:
        theta, gradient = map(to_device, _piece(subject, "float64"))
        rule, state = subject.example, subject.example.init(theta)
        _, state = single_step(rule, theta, gradient, state)
        slots = {f"state[{name!r}]": slot for name, slot in state.items()}
        snapshot = Snapshot(to_host, θ=theta, gradient=gradient, **slots)
        single_step(rule, theta, gradient, state, 2)
        snapshot.assert_unchanged(remedy)


@depends_on(starts_from_arrays_like_theta)
@except_backend_rules
def touches_no_global_generator(subject: Subject) -> None:
    """It draws no random numbers: the same steps have the same result again, and `init` and `step` leave
    the global random generators alone."""
    remedy = (
        "Draw nothing: an update rule is a function of its arguments. A rule with Scope.OBJECTIVE gets "
        "random signs from its batch."
    )

    def result() -> dict[str, np.ndarray]:
        return _by_name(
            *steps_as_written(
                subject.example,
                initial_theta(2),
                random_gradients(3, 2),
                base_rate(subject.example),
            )
        )

    assert_global_generators_untouched(result, remedy)
    first = result()
    for name, array in result().items():
        assert_equal(first[name], array, f"{name} after the same 3 steps, twice,", remedy)


@depends_on(starts_from_arrays_like_theta)
@except_backend_rules
def stays_finite_without_a_gradient(subject: Subject) -> None:
    """Gradients of zero, from the first step on or later, leave θ and the state finite."""
    for rule in subject.variants():
        for dtype in PRECISIONS:
            gradients = random_gradients(30, 2, dtype)
            gradients[:, 0] = 0  # for the first run from the beginning
            gradients[5:] = 0
            theta, state = steps_as_written(
                rule, initial_theta(2, dtype), gradients, base_rate(rule)
            )
            for name, array in _by_name(theta, state).items():
                if not np.isfinite(array).all():
                    raise Violation(
                        f"{np.count_nonzero(~np.isfinite(array))} of {array.size} numbers of "
                        f"{name} are not finite after 30 steps ({dtype}, {rule}).",
                        "Keep divisors away from 0: add ε to them.",
                    )


@depends_on(touches_no_global_generator)
@except_backend_rules
def uses_the_scheduled_rate(subject: Subject) -> None:
    """The size of a step follows the argument `lr`, and the field `lr` has no influence on it."""
    rule, gradients = subject.example, random_gradients(8, 2)
    halved = dataclasses.replace(rule, lr=rule.lr / 2)
    theta, theta_halved = (
        steps_as_written(r, initial_theta(2), gradients, rule.lr / 4)[0] for r in (rule, halved)
    )
    assert_equal(
        theta,
        theta_halved,
        f"θ after 8 steps at lr={rule.lr / 4:g} with fields lr={rule.lr:g} and lr={halved.lr:g}",
        "Use the argument lr in step, never self.lr.",
    )
    if np.array_equal(theta, steps_as_written(rule, initial_theta(2), gradients, rule.lr / 2)[0]):
        raise Violation(
            f"8 steps at lr={rule.lr / 4:g} and at lr={rule.lr / 2:g} lead to the same θ.",
            "Multiply the step by the argument lr.",
        )


@depends_on(touches_no_global_generator)
@except_backend_rules
def accepts_a_column_for_every_number(subject: Subject) -> None:
    """Float fields, `lr` and `t` may be (R, 1) arrays: each row then changes as it does alone."""
    remedy = (
        "Use only arithmetic and array_namespace(theta).where with fields, lr and t: no if, float() or "
        "math function."
    )
    rules, gradients, theta = (
        subject.distinct_instances(3),
        random_gradients(12, 3),
        initial_theta(3),
    )
    rates = np.array([[base_rate(rule)] for rule in rules]) * [[1.0], [0.5], [0.3]]
    first = np.array([[1.0], [4.0], [100.0]])
    try:
        stack = steps_as_written(stack_instances(rules), theta, gradients, rates, first)
    except Exception as error:
        raise Violation(
            f"Fields, lr and t of shape (3, 1) raised {type(error).__name__}: {error}", remedy
        ) from error
    for r, rule in enumerate(rules):
        row = slice(r, r + 1)
        alone = steps_as_written(
            rule, theta[row], gradients[:, row], float(rates[r, 0]), float(first[r, 0])
        )
        for name, array in _by_name(*alone).items():
            assert_close(
                _by_name(*stack)[name][row],
                array,
                1e-12,
                f"{name} of row {r} with columns, and with floats",
                remedy,
            )


@depends_on(starts_from_arrays_like_theta)
def sees_no_more_than_its_scope(subject: Subject) -> str | None:
    """With Scope.ELEMENT, steps on parts of θ have the same result as steps on the whole."""
    scope = subject.component.scope  # type: ignore[attr-defined]  # rules have it
    if scope is not Scope.ELEMENT:
        return f"its scope is {scope.value}"
    theta, gradients = initial_theta(2), random_gradients(8, 2)

    def result(part: slice) -> dict[str, np.ndarray]:
        rule = subject.example
        return _by_name(
            *steps_as_written(rule, theta[:, part], gradients[..., part], base_rate(rule))
        )

    whole, *parts = map(result, (slice(None), slice(0, 10), slice(10, None)))
    for name, array in whole.items():
        assert_close(
            np.concatenate([part[name] for part in parts], axis=1),
            array,
            1e-12,
            f"{name} stepped in two parts, and at once",
            "Set scope to Scope.TENSOR or Scope.VECTOR if the rule needs a norm or a mean.",
        )
    return None


@depends_on(starts_from_arrays_like_theta)
@except_backend_rules
def goes_downhill(subject: Subject) -> None:
    """With its defaults, 50 steps on ½‖θ‖² lead to a smaller value, for every run."""
    theta = initial_theta(3)
    after_50 = descent(subject.example, theta, np.zeros_like(theta), 50)
    first, last = (0.5 * (x**2).sum(-1) for x in (theta, after_50))
    if not (last < first).all():
        raise Violation(
            f"½‖θ‖² of the three runs went from {first.round(4)} to {last.round(4)}.",
            "Subtract the step; choose a smaller default lr if steps are too long.",
        )


@depends_on(accepts_a_column_for_every_number)
def evaluated_returns_parameters_like_theta(subject: Subject) -> str | None:
    """`evaluated`, if there is one, returns an array like θ, computes each row as alone, and does not
    write into its arguments."""
    if not hasattr(subject.component, "evaluated"):
        return "it is evaluated at θ itself"
    remedy = "Compute a new array from θ and the state, each row by itself and in their dtype."
    for dtype in PRECISIONS:
        theta, gradient = _piece(subject, dtype)
        rule = subject.example
        new, state = single_step(rule, theta, gradient, rule.init(theta))
        theta = theta if changes_gradient(rule) else new
        slots = {f"state[{name!r}]": slot for name, slot in state.items()}
        snapshot = Snapshot(np.asarray, θ=theta, **slots)
        point = rule.evaluated(theta, state)
        snapshot.assert_unchanged(remedy)
        _check_array(point, theta, "θ from evaluated", theta)
        first = rule.evaluated(theta[:1], {name: slot[:1] for name, slot in state.items()})
        assert_close(
            point[:1], first, 1e-6, "the first of three rows from evaluated, and it alone", remedy
        )
    return None


def _piece(subject: Subject, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """θ and a gradient in the shape of the rule's scope."""
    theta, gradient = initial_theta(3, dtype), random_gradients(1, 3, dtype)[0]
    if subject.component.scope is Scope.TENSOR:  # type: ignore[attr-defined]  # rules have it
        return theta[:, :12].reshape(3, 4, 3), gradient[:, :12].reshape(3, 4, 3)
    return theta, gradient


def _by_name(theta: np.ndarray, state: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """θ and all slots of `state`, one dictionary or one a parameter, by names for messages."""
    arrays = {"θ": theta}
    for number, slots in enumerate(state):
        suffix = f" of parameter {number}" if len(state) > 1 else ""
        arrays |= {f"state[{name!r}]{suffix}": slot for name, slot in slots.items()}
    return arrays


def _check_state(state: Any, method: str) -> None:
    if not (isinstance(state, dict) and all(isinstance(name, str) for name in state)):
        raise Violation(
            f"{method} returned {type(state).__name__} {state!r:.60} as the state.",
            "Return a dictionary of arrays by name, {} for no state.",
        )


def _check_array(array: Any, theta: np.ndarray, what: str, like: np.ndarray) -> None:
    """Raises Violation unless the array has the dtype of θ and the shape of `like`."""
    if not isinstance(array, np.ndarray):
        raise Violation(
            f"{what} is a {type(array).__name__}, not an array like θ.",
            "Make it from θ, as in array_namespace(theta).zeros_like(theta).",
        )
    if (array.shape, array.dtype) != (like.shape, theta.dtype):
        raise Violation(
            f"θ is {theta.dtype} of shape {theta.shape}, {what} {array.dtype} of {array.shape}.",
            "Make new arrays from θ, as with zeros_like(theta); plain Python numbers keep its dtype.",
        )


REQUIREMENTS = (
    states_its_scope_and_rate,
    starts_from_arrays_like_theta,
    keeps_shape_dtype_and_slots,
    leaves_its_arguments_alone,
    touches_no_global_generator,
    stays_finite_without_a_gradient,
    uses_the_scheduled_rate,
    accepts_a_column_for_every_number,
    sees_no_more_than_its_scope,
    evaluated_returns_parameters_like_theta,
    goes_downhill,
)
