"""Requirements for schedules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from harness.contracts import Horizon
from harness.testing.assertions import Snapshot, assert_close, assert_equal
from harness.testing.check_results import Skip, Violation
from harness.testing.dependencies import depends_on
from harness.testing.global_generators import assert_global_generators_untouched
from harness.testing.subject import Subject

__all__ = ["REQUIREMENTS"]

HORIZONS = (  # one step, half an epoch, none after a long warm-up, and longer ones
    Horizon(1, 1),
    Horizon(7, 0.5),
    Horizon(5, 0),
    Horizon(3, 2.5),
    Horizon(4, 10),
    Horizon(50, 100),
)


def gives_a_factor_for_every_step(subject: Subject) -> None:
    """`factor` returns one float64 number for each step, (S,), of one step and of many."""
    for schedule, step, horizon in _cases(subject):
        factors = schedule.factor(step.copy(), horizon)
        if not isinstance(factors, np.ndarray) or factors.shape != step.shape:
            raise Violation(
                f"For steps of shape {step.shape} it returned {type(factors).__name__} of shape "
                f"{np.shape(factors)} ({horizon}).",
                "Compute from the array of steps, as in np.ones_like(step).",
            )
        if factors.dtype != np.float64:
            raise Violation(
                f"The factors are {factors.dtype} ({horizon}).", "Return float64, like the steps."
            )


@depends_on(gives_a_factor_for_every_step)
def gives_factors_that_are_finite_and_not_negative(subject: Subject) -> None:
    """A factor is a finite number of 0 or more, within every horizon and some steps after it."""
    for schedule, step, horizon in _cases(subject):
        factors = np.asarray(schedule.factor(step.copy(), horizon))
        bad = np.flatnonzero(~(np.isfinite(factors) & (factors >= 0)))
        if bad.size:
            raise Violation(
                f"At step {step[bad[0]]:g} of {horizon.steps:g} the factor is {factors[bad[0]]} "
                f"({schedule}, {horizon}).",
                "Divide by max(horizon.steps, 1), and let the factor stay as it is after the horizon.",
            )


@depends_on(gives_a_factor_for_every_step)
def gives_each_step_its_own_factor(subject: Subject) -> None:
    """Many steps at once have the same factors as each step alone, to 1e-12."""
    for schedule, step, horizon in _cases(subject):
        together = schedule.factor(step.copy(), horizon)
        alone = [schedule.factor(step[n : n + 1].copy(), horizon)[0] for n in range(len(step))]
        assert_close(
            together,
            np.array(alone),
            1e-12,
            f"The factors of {len(step)} steps at once and one by one ({horizon})",
            "Compute with the values of step, not with their positions in the array.",
        )


@depends_on(gives_a_factor_for_every_step)
def gives_the_same_factors_again(subject: Subject) -> None:
    """A second call returns the same numbers: a schedule has no memory."""
    for schedule, step, horizon in _cases(subject):
        first, second = (np.array(schedule.factor(step.copy(), horizon)) for _ in range(2))
        assert_equal(
            second, first, "The factors of a second call and of the first", "Keep no state in it."
        )


@depends_on(gives_a_factor_for_every_step)
def leaves_the_steps_alone(subject: Subject) -> None:
    """`factor` does not write into the array of steps."""
    for schedule, step, horizon in _cases(subject):
        snapshot = Snapshot(np.asarray, step=step)
        schedule.factor(step, horizon)
        snapshot.assert_unchanged("Compute a new array: no /=, *= or out= on step.")


@depends_on(gives_a_factor_for_every_step)
def touches_no_global_generator(subject: Subject) -> None:
    """It leaves the global random generators alone."""
    assert_global_generators_untouched(
        lambda: subject.example.factor(np.arange(4.0), Horizon(2, 2)),
        "Draw nothing: a schedule is a function of the step.",
    )


def gives_a_factor_after_any_history(subject: Subject) -> None:
    """`factor_after`, if there is one, returns a finite number of 0 or more after any metric values.

    The values fall, rise, stay, are negative, huge or NaN; or there are none yet.
    """
    for schedule, values in _histories(subject):
        factor = schedule.factor_after(values.copy())
        if not isinstance(factor, float | int) or not np.isfinite(factor) or factor < 0:
            raise Violation(
                f"After {_listed(values)} it returned {factor!r:.60} ({schedule}).",
                "Return one finite float of 0 or more for every value of the metric.",
            )


@depends_on(gives_a_factor_after_any_history)
def gives_the_same_factor_for_the_same_history(subject: Subject) -> None:
    """`factor_after`, if there is one, returns the same factor for the same values, and leaves them
    alone."""
    first = [schedule.factor_after(values.copy()) for schedule, values in _histories(subject)]
    for (schedule, values), earlier in zip(_histories(subject), first, strict=True):
        snapshot = Snapshot(np.asarray, values=values)
        again = schedule.factor_after(values)
        if again != earlier:
            raise Violation(
                f"After {_listed(values)} it returned {earlier!r}, and {again!r} when asked again.",
                "Compute the factor only from the values: one schedule serves many runs.",
            )
        snapshot.assert_unchanged("Compute new arrays: no sort() or assignment on values.")


def _histories(subject: Subject) -> Iterator[tuple[Any, np.ndarray]]:
    """Metric values by epoch as runs may have them. Raises Skip if the schedule does not use them."""
    if not hasattr(subject.component, "factor_after"):
        raise Skip("it has no method factor_after(values): it does not watch the metric")
    epochs = np.arange(40.0)
    for schedule in subject.variants():
        for values in (
            epochs[:0],
            1 / (1 + epochs),
            np.ones(40),
            epochs - 20,
            -1e300 * epochs,
            np.full(40, np.nan),
            np.where(epochs % 7 == 0, np.nan, np.cos(epochs)),
        ):
            yield schedule, values


def _listed(values: np.ndarray) -> str:
    beginning = ", ".join(f"{value:.3g}" for value in values[:3])
    return f"{len(values)} epochs with {beginning}, …" if len(values) else "no epoch"


def _cases(subject: Subject) -> Iterator[tuple[Any, np.ndarray, Horizon]]:
    for schedule in subject.variants():
        for horizon in HORIZONS:
            last = min(int(horizon.steps), 60) + 3
            yield schedule, np.arange(float(last)), horizon
            yield schedule, np.array([float(last // 2)]), horizon


REQUIREMENTS = (
    gives_a_factor_for_every_step,
    gives_factors_that_are_finite_and_not_negative,
    gives_each_step_its_own_factor,
    gives_the_same_factors_again,
    leaves_the_steps_alone,
    touches_no_global_generator,
    gives_a_factor_after_any_history,
    gives_the_same_factor_for_the_same_history,
)
