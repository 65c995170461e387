"""Schedules that break one requirement each, and no other."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest


@dataclass(frozen=True)
class Sound:
    """A line from 1 to 0 that stays there."""

    def factor(self, step, horizon):
        return np.clip(1 - step / max(horizon.steps, 1), 0, 1)


class OneForAll(Sound):
    """Returns a single number."""

    def factor(self, step, horizon):
        return 1.0


class Single(Sound):
    """Returns single precision."""

    def factor(self, step, horizon):
        return super().factor(step, horizon).astype(np.float32)


class FallsBelowZero(Sound):
    """Goes on falling after the horizon."""

    def factor(self, step, horizon):
        return 1 - step / max(horizon.steps, 1)


class DividesByNothing(Sound):
    """Divides by the number of steps, which is 0 after a long warm-up."""

    def factor(self, step, horizon):
        return np.clip(1 - step / np.float64(horizon.steps), 0, 1)


class CountsPositions(Sound):
    """Falls along the array, whatever numbers the steps have."""

    def factor(self, step, horizon):
        return np.linspace(1, 0.1, len(step))


class Remembers(Sound):
    """Falls from call to call."""

    calls: ClassVar = itertools.count(1)

    def factor(self, step, horizon):
        return np.ones_like(step) / (1 + 1e-14 * next(self.calls))


class WritesIntoTheSteps(Sound):
    """Divides in place."""

    def factor(self, step, horizon):
        step /= max(horizon.steps, 1)
        return np.clip(1 - step, 0, 1)


class SeedsNumpy(Sound):
    """Seeds the global generator."""

    def factor(self, step, horizon):
        np.random.seed(1)  # noqa: NPY002
        return super().factor(step, horizon)


class Watches(Sound):
    """Halves the rate if the last value is the worst."""

    def factor_after(self, values):
        return 0.5 if len(values) and values[-1] == values.max() else 1.0


class ReadsTheLastValue(Watches):
    """Fails while there is no value yet."""

    def factor_after(self, values):
        return 0.5 if values[-1] == values.max() else 1.0


class FollowsTheMetric(Watches):
    """Returns the metric itself as factor, also NaN."""

    def factor_after(self, values):
        return float(values[-1]) if len(values) else 1.0


class CountsCalls(Watches):
    """Falls from call to call, for whichever run."""

    calls: ClassVar = itertools.count(1)

    def factor_after(self, values):
        return 1 / next(self.calls)


class SortsTheHistory(Watches):
    """Sorts in place."""

    def factor_after(self, values):
        values.sort()
        return 1.0


def test_what_they_are_made_from_is_sound(assert_sound):
    assert_sound("schedule", Sound)
    assert_sound("schedule", Watches)


def test_one_without_factor_after_skips_what_is_asked_of_it(check_results):
    assert (
        "factor_after" in check_results("schedule", Sound)["gives_a_factor_after_any_history"].note
    )


@pytest.mark.parametrize(
    ("component", "requirement", "found"),
    [
        (
            OneForAll,
            "gives_a_factor_for_every_step",
            r"shape \(4,\) it returned float of shape \(\)",
        ),
        (Single, "gives_a_factor_for_every_step", "factors are float32"),
        (
            FallsBelowZero,
            "gives_factors_that_are_finite_and_not_negative",
            r"At step 2 of 1 the factor is -1\.0",
        ),
        (
            DividesByNothing,
            "gives_factors_that_are_finite_and_not_negative",
            "At step 0 of 0 .* nan",
        ),
        (CountsPositions, "gives_each_step_its_own_factor", r"one by one .* differ by 0\.9"),
        (Remembers, "gives_the_same_factors_again", "every bit must be equal"),
        (WritesIntoTheSteps, "leaves_the_steps_alone", r"step was changed, by up to \d"),
        (SeedsNumpy, "touches_no_global_generator", "np.random has changed"),
        (ReadsTheLastValue, "gives_a_factor_after_any_history", "IndexError"),
        (
            FollowsTheMetric,
            "gives_a_factor_after_any_history",
            r"After 40 epochs with .* it returned (nan|-)",
        ),
        (CountsCalls, "gives_the_same_factor_for_the_same_history", "when asked again"),
        (SortsTheHistory, "gives_the_same_factor_for_the_same_history", "values was changed"),
    ],
    ids=lambda part: getattr(part, "__name__", None),
)
def test_a_faulty_schedule_is_caught_by_its_requirement(
    assert_breaks, component, requirement, found
):
    assert_breaks("schedule", component, requirement, found)
