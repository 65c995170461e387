"""What is asked of a schedule."""

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

HORIZONS = (  # one step, less than an epoch, none at all after a long warm-up, and longer ones
    Horizon(1, 1),
    Horizon(7, 0.5),
    Horizon(5, 0),
    Horizon(3, 2.5),
    Horizon(4, 10),
    Horizon(50, 100),
)


def gives_a_factor_for_every_step(subject: Subject) -> None:
    """`factor` returns one float64 number a step, (S,), for one step and for many."""
    for schedule, step, horizon in _cases(subject):
        found = schedule.factor(step.copy(), horizon)
        if not isinstance(found, np.ndarray) or found.shape != step.shape:
            raise Violation(
                f"For steps of shape {step.shape} it returned {_described(found)} ({horizon}).",
                "Compute from the array of steps, as in np.ones_like(step).",
            )
        if found.dtype != np.float64:
            raise Violation(
                f"The factors are {found.dtype} ({horizon}).", "Return float64, as the steps are."
            )


@depends_on(gives_a_factor_for_every_step)
def gives_factors_that_are_finite_and_not_negative(subject: Subject) -> None:
    """A factor is a finite number of 0 or more, within any horizon and some steps behind it."""
    for schedule, step, horizon in _cases(subject):
        found = np.asarray(schedule.factor(step.copy(), horizon))
        bad = np.flatnonzero(~(np.isfinite(found) & (found >= 0)))
        if bad.size:
            raise Violation(
                f"At step {step[bad[0]]:g} of {horizon.steps:g} the factor is {found[bad[0]]} "
                f"({schedule}, {horizon}).",
                "Guard a division by horizon.steps with max(…, 1), and stop at the horizon.",
            )


@depends_on(gives_a_factor_for_every_step)
def gives_each_step_its_own_factor(subject: Subject) -> None:
    """The factors of many steps at once are those of each step alone, to 1e-12."""
    for schedule, step, horizon in _cases(subject):
        together = schedule.factor(step.copy(), horizon)
        alone = [schedule.factor(step[n : n + 1].copy(), horizon)[0] for n in range(len(step))]
        assert_close(
            together,
            np.array(alone),
            1e-12,
            f"The factors of {len(step)} steps at once and one by one ({horizon})",
            "Compute with the values of step, not with their places in the array.",
        )


@depends_on(gives_a_factor_for_every_step)
def gives_the_same_factors_again(subject: Subject) -> None:
    """A second call gives the same numbers: a schedule has no memory."""
    for schedule, step, horizon in _cases(subject):
        first, second = (np.array(schedule.factor(step.copy(), horizon)) for _ in range(2))
        assert_equal(
            second, first, "The factors of a second call and of the first", "Keep no state."
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
    """It draws no random numbers from the generators of the process."""
    assert_global_generators_untouched(
        lambda: subject.example.factor(np.arange(4.0), Horizon(2, 2)),
        "A schedule is a function of the step: take the random numbers out.",
    )


def gives_a_factor_after_any_history(subject: Subject) -> None:
    """Where it watches the metric, `factor_after` returns a finite number of 0 or more.

    After no epoch at all, and after values that fall, rise, stay, are negative, huge or NaN.
    """
    for schedule, values in _histories(subject):
        found = schedule.factor_after(values.copy())
        if not isinstance(found, float | int) or not np.isfinite(found) or found < 0:
            raise Violation(
                f"After {_listed(values)} it returned {found!r:.60} ({schedule}).",
                "Return one float that is finite and not negative, whatever the metric was.",
            )


@depends_on(gives_a_factor_after_any_history)
def forgets_the_histories_of_other_runs(subject: Subject) -> None:
    """Where it watches the metric, the same values give the same factor, and stay as they are."""
    first = [schedule.factor_after(values.copy()) for schedule, values in _histories(subject)]
    for (schedule, values), earlier in zip(_histories(subject), first, strict=True):
        snapshot = Snapshot(np.asarray, values=values)
        again = schedule.factor_after(values)
        if again != earlier:
            raise Violation(
                f"After {_listed(values)} it returned {earlier!r}, and {again!r} when asked again.",
                "Work the factor out from the values alone: one schedule serves many runs.",
            )
        snapshot.assert_unchanged("Compute new arrays: the values are the core's.")


def _histories(subject: Subject) -> Iterator[tuple[Any, np.ndarray]]:
    """What may come of a run. Raises Skip for a schedule that does not look."""
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
    shown = ", ".join(f"{value:.3g}" for value in values[:3])
    return f"{len(values)} epochs with {shown}, …" if len(values) else "no epoch"


def _cases(subject: Subject) -> Iterator[tuple[Any, np.ndarray, Horizon]]:
    for schedule in subject.variants():
        for horizon in HORIZONS:
            last = min(int(horizon.steps), 60) + 3
            yield schedule, np.arange(float(last)), horizon
            yield schedule, np.array([float(last // 2)]), horizon


def _described(found: Any) -> str:
    return f"{type(found).__name__} of shape {np.shape(found)}"


REQUIREMENTS = (
    gives_a_factor_for_every_step,
    gives_factors_that_are_finite_and_not_negative,
    gives_each_step_its_own_factor,
    gives_the_same_factors_again,
    leaves_the_steps_alone,
    touches_no_global_generator,
    gives_a_factor_after_any_history,
    forgets_the_histories_of_other_runs,
)
