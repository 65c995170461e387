"""Update rules that break one requirement each, and no other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from harness import Range, Scope, array_namespace, check_range


@dataclass(frozen=True)
class Sound:
    """Gradient descent with momentum.

    lr: η, in [0, inf). momentum: μ, in [0, 1).
    """

    lr: float = 0.01
    momentum: float = 0.8

    scope: ClassVar[Scope] = Scope.ELEMENT

    def __post_init__(self):
        check_range(self, "lr", 0)
        check_range(self, "momentum", 0, 1, closed="left")

    def init(self, theta):
        return {"v": array_namespace(theta).zeros_like(theta)}

    def step(self, theta, gradient, state, *, lr, t):
        v = self.momentum * state["v"] + gradient
        return theta - lr * v, {"v": v}


class ScopeIsText(Sound):
    """States its scope as a string."""

    scope = "element"


class SpaceTooWide(Sound):
    """Its search space reaches a momentum that it refuses."""

    search_space: ClassVar[Mapping[str, Range]] = {"momentum": Range(0.5, 1.5)}


class StateIsDouble(Sound):
    """Keeps its state in double precision."""

    def init(self, theta):
        return {"v": np.zeros(theta.shape)}


class StateHoldsANumber(Sound):
    """Counts steps in its state."""

    def init(self, theta):
        return super().init(theta) | {"count": 0}

    def step(self, theta, gradient, state, *, lr, t):
        theta, new = super().step(theta, gradient, state, lr=lr, t=t)
        return theta, new | {"count": state["count"] + 1}


class WidensTheta(Sound):
    """Multiplies by a number in double precision."""

    def step(self, theta, gradient, state, *, lr, t):
        theta, new = super().step(theta, gradient, state, lr=lr, t=t)
        xp = array_namespace(theta)
        return theta * xp.asarray(1.0, dtype=xp.float64), new


class LosesASlot(Sound):
    """Returns a slot that it did not start with."""

    def step(self, theta, gradient, state, *, lr, t):
        theta, new = super().step(theta, gradient, state, lr=lr, t=t)
        return theta, new | {"last": gradient}


class WritesIntoTheGradient(Sound):
    """Scales the gradient in place."""

    def step(self, theta, gradient, state, *, lr, t):
        gradient *= 0.5
        return super().step(theta, gradient, state, lr=lr, t=t)


class WritesIntoTheState(Sound):
    """Updates the velocity in place."""

    def step(self, theta, gradient, state, *, lr, t):
        v = state["v"]
        v *= self.momentum
        v += gradient
        return theta - lr * v, {"v": v}


class SeedsNumpy(Sound):
    """Seeds the generator of the whole process."""

    def step(self, theta, gradient, state, *, lr, t):
        np.random.seed(0)  # noqa: NPY002
        return super().step(theta, gradient, state, lr=lr, t=t)


class DividesByTheGradient(Sound):
    """Divides by |g|, which may be 0."""

    def step(self, theta, gradient, state, *, lr, t):
        return theta - lr * gradient / abs(gradient), state


class IgnoresTheSchedule(Sound):
    """Steps with the base rate."""

    def step(self, theta, gradient, state, *, lr, t):
        return super().step(theta, gradient, state, lr=self.lr, t=t)


class IgnoresAllRates(Sound):
    """Steps with a rate of its own."""

    def step(self, theta, gradient, state, *, lr, t):
        return super().step(theta, gradient, state, lr=0.01, t=t)


class BranchesOnTheRate(Sound):
    """Branches on lr."""

    def step(self, theta, gradient, state, *, lr, t):
        if lr < 1e-4:
            return theta, state
        return super().step(theta, gradient, state, lr=lr, t=t)


class MixesRuns(Sound):
    """Subtracts the mean gradient of all runs."""

    scope = Scope.VECTOR

    def step(self, theta, gradient, state, *, lr, t):
        mean = array_namespace(theta).mean(gradient, axis=0, keepdims=True)
        return super().step(theta, gradient - 0.1 * mean, state, lr=lr, t=t)


class NeedsANorm(Sound):
    """Divides by the norm of a run, though its scope is ELEMENT."""

    def step(self, theta, gradient, state, *, lr, t):
        xp = array_namespace(theta)
        norm = xp.sqrt(xp.sum(gradient * gradient, axis=-1, keepdims=True))
        return super().step(theta, gradient / (1 + norm), state, lr=lr, t=t)


class GoesUphill(Sound):
    """Adds the step instead of subtracting it."""

    def step(self, theta, gradient, state, *, lr, t):
        return super().step(theta, -gradient, state, lr=lr, t=t)


class JudgedInDouble(Sound):
    """Is evaluated at parameters of another dtype."""

    def evaluated(self, theta, state):
        xp = array_namespace(theta)
        return xp.astype(theta - state["v"], xp.float64)


class RoundsByTheNumberOfRuns(Sound):
    """Its last bits depend on how many runs there are."""

    scope = Scope.VECTOR

    def step(self, theta, gradient, state, *, lr, t):
        company = 1 + 1e-15 * len(theta)
        return super().step(theta, gradient * company, state, lr=lr, t=t)


class RemembersElsewhere(Sound):
    """Keeps the velocity outside of its state."""

    memory: ClassVar[dict] = {}

    def init(self, theta):
        self.memory["v"] = array_namespace(theta).zeros_like(theta)
        return {}

    def step(self, theta, gradient, state, *, lr, t):
        if self.memory["v"].shape != gradient.shape:  # init was called for another one
            self.init(gradient)
        self.memory["v"] = self.momentum * self.memory["v"] + gradient
        return theta - lr * self.memory["v"], {}


class AsksForTheLibrary(Sound):
    """Differs on PyTorch, which runs rules that cannot be traced as they are written."""

    scope = Scope.VECTOR

    def step(self, theta, gradient, state, *, lr, t):
        factor = 1.001 if type(theta).__module__.startswith("torch") else 1.0
        return super().step(theta, factor * gradient[...], state, lr=lr, t=t)


class LooksAhead(Sound):
    """Takes the gradient at the point where momentum leads."""

    scope = Scope.OBJECTIVE

    def step(self, theta, gradient, state, *, lr, t, batch):
        ahead = batch.gradient(self.ahead(theta - lr * self.momentum * state["v"]))
        return super().step(theta, ahead, state, lr=lr, t=t)

    def ahead(self, theta):
        return theta


class LooksAheadOfAllRuns(LooksAhead):
    """Takes the gradient at a point nearer to the mean of all runs."""

    def ahead(self, theta):
        xp = array_namespace(theta)
        return 0.9 * theta + 0.1 * xp.mean(theta, axis=0, keepdims=True)


class LooksWhenAnyoneIsDue(LooksAhead):
    """Looks ahead with all runs if one of them is at an odd step."""

    def step(self, theta, gradient, state, *, lr, t, batch):
        due = array_namespace(theta).asarray(t % 2 < 1)
        if due.any():
            return super().step(theta, gradient, state, lr=lr, t=t, batch=batch)
        return Sound.step(self, theta, gradient, state, lr=lr, t=t)


class DrawsItsOwnSigns(LooksAhead):
    """Takes the gradient at a random point, from a generator without a seed."""

    def ahead(self, theta):
        drawn = np.random.default_rng().choice([-0.1, 0.1], theta.shape)
        return theta + array_namespace(theta).asarray(drawn, dtype=theta.dtype)


class LooksAheadInPlace(LooksAhead):
    """Moves θ in place to look ahead, and back again but for rounding."""

    def step(self, theta, gradient, state, *, lr, t, batch):
        away = lr * self.momentum * state["v"]
        theta -= away
        ahead = batch.gradient(theta)
        theta += away
        return Sound.step(self, theta, ahead, state, lr=lr, t=t)


@pytest.mark.parametrize("component", [Sound, LooksAhead])
def test_what_they_are_made_from_is_sound(assert_sound, component):
    assert_sound("optimizer", component)


@pytest.mark.parametrize(
    ("component", "requirement", "found"),
    [
        (ScopeIsText, "states_its_scope_and_rate", "'element'"),
        (SpaceTooWide, "accepts_the_ends_of_its_search_space", r"momentum=1\.5 was refused"),
        (StateIsDouble, "starts_from_arrays_like_theta", r"float32 .* 'v' from init float64"),
        (StateHoldsANumber, "starts_from_arrays_like_theta", "'count' from init is a int"),
        (WidensTheta, "keeps_shape_dtype_and_slots", "θ is float32 .* θ from step float64"),
        (LosesASlot, "keeps_shape_dtype_and_slots", r"\['v'\], and step \['last', 'v'\]"),
        (
            WritesIntoTheGradient,
            "leaves_its_arguments_alone",
            r"gradient was changed, by up to 0\.\d",
        ),
        (
            WritesIntoTheState,
            "leaves_its_arguments_alone",
            r"state\['v'\] was changed, by up to \d",
        ),
        (SeedsNumpy, "touches_no_global_generator", "np.random has changed"),
        (DividesByTheGradient, "stays_finite_without_a_gradient", r"\d+ of 52 numbers of θ"),
        (IgnoresTheSchedule, "uses_the_scheduled_rate", r"lr=0.01 and lr=0.005 differ by 0\.\d+"),
        (IgnoresAllRates, "uses_the_scheduled_rate", "lr=0.0025 and at lr=0.005 lead to the same"),
        (BranchesOnTheRate, "accepts_a_column_for_every_number", r"\(3, 1\) raised ValueError"),
        (MixesRuns, "accepts_a_column_for_every_number", r"row 0 .* differ by 0\.\d+"),
        (LooksAheadOfAllRuns, "accepts_a_column_for_every_number", r"row 0 .* differ by 0\.\d+"),
        (LooksWhenAnyoneIsDue, "accepts_a_column_for_every_number", r"row 0 .* differ by 0\.\d+"),
        (DrawsItsOwnSigns, "touches_no_global_generator", r"the same 3 steps, twice, differ by"),
        (LooksAheadInPlace, "leaves_its_arguments_alone", r"θ was changed, by up to \d"),
        (NeedsANorm, "sees_no_more_than_its_scope", r"two parts, and at once differ by 0\.\d+"),
        (JudgedInDouble, "evaluated_returns_parameters_like_theta", "from evaluated float64"),
        (GoesUphill, "goes_downhill", r"went from \[.*\d.*\] to \[.*\d.*\]"),
        (RoundsByTheNumberOfRuns, "trains_in_a_stack_as_alone", r"every bit .* against -?\d"),
        (RemembersElsewhere, "continues_from_a_checkpoint", r"after 4 .* differ by 0\.\d+"),
    ],
    ids=lambda part: getattr(part, "__name__", None),
)
def test_a_faulty_optimizer_is_caught_by_its_requirement(
    assert_breaks, component, requirement, found
):
    assert_breaks("optimizer", component, requirement, found)


def test_an_update_rule_that_differs_on_another_backend_is_caught(assert_breaks, first_party):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    assert_breaks(
        "optimizer",
        AsksForTheLibrary,
        "trains_alike_on_every_backend",
        r"on torch and on numpy differ by 0\.\d+ relative .* 1e-10 is allowed",
        installed=first_party,
    )


def test_a_requirement_is_skipped_while_one_that_it_depends_on_is_broken(check_results):
    waiting = check_results("optimizer", BranchesOnTheRate)["trains_in_a_stack_as_alone"]
    assert (waiting.status, waiting.note) == (
        "skipped",
        "until accepts_a_column_for_every_number passes",
    )


class Raises(Sound):
    """Fails in a function of its own."""

    def step(self, theta, gradient, state, *, lr, t):
        return _helper(theta)


def _helper(theta):
    raise KeyError("no such thing")


def test_an_error_raised_outside_the_component_names_the_module(check_results):
    class ReturnsNothing(Sound):
        """Forgets to return."""

        def step(self, theta, gradient, state, *, lr, t):
            pass

    result = check_results("optimizer", ReturnsNothing)["keeps_shape_dtype_and_slots"]
    assert result.found.startswith(
        "It raised TypeError (in harness.testing.requirements.optimizers): "
    )
    assert "its contract, in harness/contracts.py" in result.remedy
    assert result.frames == ""


def test_an_error_of_a_component_is_shown_with_only_its_own_frames(check_results):
    result = check_results("optimizer", Raises)["keeps_shape_dtype_and_slots"]
    assert result.failed
    assert "It raised KeyError: 'no such thing'" in result.found
    assert "in step" in result.frames
    assert "in _helper" in result.frames
    assert "harness/testing/suite.py" not in result.frames
