"""What is asked of an optimizer."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np

from harness.contracts import Scope
from harness.errors import ConfigurationError, PluginError
from harness.fields import float_fields
from harness.search import space_of
from harness.testing.comparing import Unchanged, agree, same
from harness.testing.installed import TOLERANCE, backends, in_precision, stack_tolerance
from harness.testing.ordering import after
from harness.testing.problem import trained
from harness.testing.randomness import leaves_global_generators_alone
from harness.testing.steps import Walk, gradients, restored, saved, start, walk
from harness.testing.subject import Subject, with_rows
from harness.testing.verdicts import Skip, Violation

__all__ = ["RULES"]

PRECISIONS = ("float64", "float32")


def states_its_scope_and_rate(subject: Subject) -> None:
    """`scope` is a harness.Scope, and `lr` is a field declared as float."""
    scope = subject.component.scope  # type: ignore[attr-defined]
    if not isinstance(scope, Scope):
        raise Violation(
            f"scope is {scope!r}.", "Set scope: ClassVar[Scope] = Scope.ELEMENT, TENSOR or VECTOR."
        )
    if "lr" not in float_fields(subject.component):
        raise Violation(
            f"The float fields are {', '.join(float_fields(subject.component)) or 'none'}.",
            "Declare lr: float, the base rate that a schedule multiplies.",
        )


def states_a_search_space_that_it_accepts(subject: Subject) -> None:
    """Both ends of every range of its search space, and all combinations of ends, are accepted."""
    try:
        space = space_of(subject.component)
    except PluginError as error:
        raise Violation(f"{error}", "Name fields only, each with a harness.Range.") from error
    if not space:
        raise Skip("it states no search space")
    ends = [(range_.low, range_.high) for range_ in space.values()]
    for corner in itertools.islice(itertools.product(*ends), 256):
        values = dict(zip(space, corner, strict=True))
        try:
            dataclasses.replace(subject.example, **values)
        except ConfigurationError as error:
            shown = ", ".join(f"{name}={value}" for name, value in values.items())
            raise Violation(
                f"{shown} was refused: {error}",
                "Narrow the range, or mend what __post_init__ allows.",
            ) from error


@after(states_its_scope_and_rate)
def starts_from_arrays_like_theta(subject: Subject) -> None:
    """`init` returns a dictionary of named arrays with the shape and dtype of θ, for any dtype."""
    for dtype in PRECISIONS:
        theta, _ = _piece(subject, dtype)
        _check_state(subject.example.init(theta), theta, "init")


@after(starts_from_arrays_like_theta)
def keeps_shape_dtype_and_slots(subject: Subject) -> None:
    """`step` returns θ and every slot of the state with the shape and dtype that θ has."""
    for rule in subject.variants():
        for dtype in PRECISIONS:
            theta, gradient = _piece(subject, dtype)
            state = rule.init(theta)
            new, new_state = rule.step(theta, gradient, state, lr=rule.lr, t=1)
            _check_array(new, theta, "θ from step")
            _check_state(new_state, theta, "step")
            if set(new_state) != set(state):
                raise Violation(
                    f"init returned the slots {sorted(state)}, and step {sorted(new_state)}.",
                    "Return the same names from both.",
                )


@after(starts_from_arrays_like_theta)
def leaves_its_arguments_alone(subject: Subject) -> None:
    """`step` writes into none of its arguments, NumPy arrays or those of any installed backend."""
    remedy = "Compute new arrays: no +=, out= or assignment to a slice of θ, gradient or state."
    places = [(np.array, np.asarray)]
    places += [(b.place, b.fetch) for b in backends(subject.registry).values()]
    for place, fetch in places:
        theta, gradient = map(place, _piece(subject, "float64"))
        rule, state = subject.example, subject.example.init(theta)
        _, state = rule.step(theta, gradient, state, lr=rule.lr, t=1)
        slots = {f"state[{name!r}]": slot for name, slot in state.items()}
        before = Unchanged(fetch, θ=theta, gradient=gradient, **slots)
        rule.step(theta, gradient, state, lr=rule.lr, t=2)
        before.check(remedy)


@after(starts_from_arrays_like_theta)
def touches_no_global_generator(subject: Subject) -> None:
    """It draws no random numbers: `init` and `step` leave the generators of the process alone."""
    leaves_global_generators_alone(
        lambda: walk(subject.example, start(2), gradients(3, 2), subject.example.lr),
        "An update rule is a function of its arguments: take the random numbers out.",
    )


@after(starts_from_arrays_like_theta)
def stays_finite_without_a_gradient(subject: Subject) -> None:
    """Gradients of zero, from the first step on or after others, leave θ and the state finite."""
    for rule in subject.variants():
        for dtype in PRECISIONS:
            slopes = gradients(30, 2, dtype)
            slopes[:, 0] = 0  # the first run never sees another gradient
            slopes[5:] = 0
            theta, state = walk(rule, start(2, dtype), slopes, rule.lr)
            arrays = {"θ": theta, **{k: v for slots in state for k, v in slots.items()}}
            for name, array in arrays.items():
                if not np.isfinite(array).all():
                    raise Violation(
                        f"{np.count_nonzero(~np.isfinite(array))} of {array.size} numbers of "
                        f"{name} are not finite after 30 steps ({dtype}, {rule}).",
                        "Keep what is divided by away from 0: add ε to it.",
                    )


@after(starts_from_arrays_like_theta)
def uses_the_scheduled_rate(subject: Subject) -> None:
    """A step is of the size that its argument `lr` says; `self.lr` is only where the schedule starts."""
    rule, slopes = subject.example, gradients(8, 2)
    other = dataclasses.replace(rule, lr=rule.lr / 2)
    one, two = (walk(r, start(2), slopes, rule.lr / 4)[0] for r in (rule, other))
    same(
        one,
        two,
        f"θ after 8 steps at lr={rule.lr / 4:g} with fields lr={rule.lr:g} and lr={other.lr:g}",
        "Use the argument lr in step, and never self.lr.",
    )
    if np.array_equal(one, walk(rule, start(2), slopes, rule.lr / 2)[0]):
        raise Violation(
            f"8 steps at lr={rule.lr / 4:g} and at lr={rule.lr / 2:g} lead to the same θ.",
            "Multiply the step by the argument lr.",
        )


@after(starts_from_arrays_like_theta)
def takes_a_column_for_every_number(subject: Subject) -> None:
    """Float fields, `lr` and `t` may be (R, 1) arrays: each row then gets what it gets alone."""
    remedy = (
        "Compute with fields, lr and t by arithmetic and array_namespace(theta).where; no if, float() "
        "or math function on any of them."
    )
    rules, slopes, theta = subject.in_rows(3), gradients(12, 3), start(3)
    rates = np.array([[rule.lr] for rule in rules]) * [[1.0], [0.5], [0.3]]
    first = np.array([[1.0], [4.0], [100.0]])
    try:
        together, _ = walk(with_rows(rules), theta, slopes, rates, first)
    except Exception as error:
        raise Violation(
            f"Fields, lr and t of shape (3, 1) raised {type(error).__name__}: {error}", remedy
        ) from error
    for r, rule in enumerate(rules):
        row = slice(r, r + 1)
        alone, _ = walk(rule, theta[row], slopes[:, row], float(rates[r, 0]), float(first[r, 0]))
        agree(together[row], alone, 1e-12, f"θ of row {r} with columns, and with floats", remedy)


@after(starts_from_arrays_like_theta)
def sees_no_more_than_its_scope(subject: Subject) -> str | None:
    """With Scope.ELEMENT, the parts of θ come out as they do when the whole is stepped at once."""
    scope = subject.component.scope  # type: ignore[attr-defined]
    if scope is not Scope.ELEMENT:
        return f"its scope is {scope.value}"
    rule, theta, slopes = subject.example, start(2), gradients(8, 2)
    whole = _elementwise(rule, theta, slopes)
    parts = [
        _elementwise(rule, theta[:, part], slopes[..., part])
        for part in (slice(0, 10), slice(10, None))
    ]
    agree(
        np.concatenate(parts, axis=1),
        whole,
        1e-12,
        "θ stepped in two parts, and at once",
        "Set scope to Scope.TENSOR or Scope.VECTOR, if the rule needs a norm or a mean.",
    )
    return None


@after(starts_from_arrays_like_theta)
def goes_downhill(subject: Subject) -> None:
    """At its default settings, 50 steps on ½‖θ‖² lead to a smaller value, for every run."""
    rule, theta = subject.example, start(3)
    state, values = rule.init(theta), [0.5 * (theta**2).sum(-1)]
    if subject.component.scope is Scope.TENSOR:  # type: ignore[attr-defined]
        theta = theta[:, :24].reshape(3, 6, 4)
        state, values = rule.init(theta), [0.5 * (theta**2).sum((-2, -1))]
    for t in range(1, 51):
        theta, state = rule.step(theta, theta.copy(), state, lr=rule.lr, t=t)
    values.append(0.5 * (theta**2).reshape(3, -1).sum(-1))
    if not (values[1] < values[0]).all():
        raise Violation(
            f"½‖θ‖² of the three runs went from {values[0].round(4)} to {values[1].round(4)}.",
            "Subtract the step, and choose a smaller default lr if it jumps too far.",
        )


@after(takes_a_column_for_every_number, sees_no_more_than_its_scope)
def trains_in_a_stack_as_alone(subject: Subject) -> None:
    """Runs that differ in every float field train in a stack as each does alone, on every backend:
    to the last bit where the backend promises it, else to 1e-10 in float64."""
    rules, seeds = subject.in_rows(4), [0, 1, 2, 3]
    for name, backend in _some(backends(subject.registry)):
        together = trained(backend, rules, seeds).theta
        for r, rule in enumerate(rules):
            alone = trained(backend, [rule], [seeds[r]]).theta
            agree(
                together[[r]],
                alone,
                stack_tolerance(backend),
                f"θ of run {r} after 20 steps on {name}, in a stack of 4 and alone",
                "Let no run see another: reduce over the last axes only, never over axis 0.",
            )


@after(takes_a_column_for_every_number)
def continues_from_a_checkpoint(subject: Subject) -> None:
    """θ and the state, written to safetensors and read back, go on to the same bits."""
    rule, slopes = subject.example, gradients(8, 2)
    lr = np.full((2, 1), rule.lr)
    for name, backend in _some(backends(subject.registry)):
        for dtype in PRECISIONS:
            backend = in_precision(backend, dtype)  # noqa: PLW2901
            whole = Walk(backend, rule, start(2)).go(slopes, 1, lr)
            first = Walk(backend, rule, start(2))
            theta = first.go(slopes[:4], 1, lr)
            content = saved(backend, first.state)
            Walk(backend, rule, start(2)).go(-slopes[:5], 1, lr)  # what it must not remember
            second = Walk(backend, dataclasses.replace(rule), theta)
            second.state = restored(backend, content, second.state)
            same(
                second.go(slopes[4:], 5, lr),
                whole,
                f"θ after 8 steps on {name} in {dtype}, with a checkpoint after 4 and without one",
                "Keep all that a rule remembers in the state that init and step return.",
            )


@after(takes_a_column_for_every_number)
def trains_alike_on_every_backend(subject: Subject) -> None:
    """20 steps of training in float64 lead to the same θ on every installed backend, to 1e-10."""
    rules, seeds = subject.in_rows(3), [0, 1, 2]
    (first, backend), *others = _some(backends(subject.registry))
    if not others:
        raise Skip(f"only one backend runs here: {first}")
    expected = trained(backend, rules, seeds).theta
    for name, other in others:
        agree(
            trained(other, rules, seeds).theta,
            expected,
            TOLERANCE,
            f"θ after 20 steps on {name} and on {first}",
            "Use arithmetic and array_namespace(theta) alone, and ask no array for its type.",
        )


def _some(found: dict[str, Any]) -> list[tuple[str, Any]]:
    if not found:
        raise Skip("no backend that computes in float64 runs here")
    return list(found.items())


def _piece(subject: Subject, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """θ and a gradient in the shape that the rule's scope asks for."""
    theta, gradient = start(3, dtype), gradients(1, 3, dtype)[0]
    if subject.component.scope is Scope.TENSOR:  # type: ignore[attr-defined]
        return theta[:, :12].reshape(3, 4, 3), gradient[:, :12].reshape(3, 4, 3)
    return theta, gradient


def _elementwise(rule: Any, theta: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    state = rule.init(theta)
    for t, slope in enumerate(slopes, start=1):
        theta, state = rule.step(theta, slope.copy(), state, lr=rule.lr, t=t)
    return theta


def _check_state(state: Any, theta: np.ndarray, method: str) -> None:
    if not (isinstance(state, dict) and all(isinstance(name, str) for name in state)):
        raise Violation(
            f"{method} returned {type(state).__name__} {state!r:.60} as the state.",
            "Return a dictionary of arrays by name; {} where nothing is remembered.",
        )
    for name, slot in state.items():
        _check_array(slot, theta, f"the slot {name!r} from {method}")


def _check_array(array: Any, theta: np.ndarray, what: str) -> None:
    if not isinstance(array, np.ndarray):
        raise Violation(
            f"{what} is a {type(array).__name__}, not an array like θ.",
            "Make it from θ, as in array_namespace(theta).zeros_like(theta).",
        )
    if (array.shape, array.dtype) != (theta.shape, theta.dtype):
        raise Violation(
            f"θ is {theta.dtype} of shape {theta.shape}, {what} {array.dtype} of {array.shape}.",
            "Make new arrays from θ: zeros_like(theta); plain Python numbers change no dtype.",
        )


RULES = (
    states_its_scope_and_rate,
    states_a_search_space_that_it_accepts,
    starts_from_arrays_like_theta,
    keeps_shape_dtype_and_slots,
    leaves_its_arguments_alone,
    touches_no_global_generator,
    stays_finite_without_a_gradient,
    uses_the_scheduled_rate,
    takes_a_column_for_every_number,
    sees_no_more_than_its_scope,
    goes_downhill,
    trains_in_a_stack_as_alone,
    continues_from_a_checkpoint,
    trains_alike_on_every_backend,
)
