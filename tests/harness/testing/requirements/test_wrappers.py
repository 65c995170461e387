"""Wrappers that break one requirement each, and no other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from harness import Range, Scope, Turn, array_namespace, check_range


@dataclass(frozen=True)
class Sound:
    """The gradient is a running mean of the gradients so far.

    decay: δ, in [0, 1).
    """

    decay: float = 0.5

    scope: ClassVar[Scope] = Scope.ELEMENT
    turn: ClassVar[Turn] = Turn.GRADIENT

    def __post_init__(self):
        check_range(self, "decay", 0, 1, closed="left")

    def init(self, theta):
        return {"mean": array_namespace(theta).zeros_like(theta)}

    def step(self, gradient, theta, state, *, lr, t):
        mean = self.decay * state["mean"] + (1 - self.decay) * gradient
        return mean, {"mean": mean}


@dataclass(frozen=True)
class Averaging:
    """The network is evaluated at a running mean of θ.

    decay: δ, in [0, 1).
    """

    decay: float = 0.5

    scope: ClassVar[Scope] = Scope.ELEMENT
    turn: ClassVar[Turn] = Turn.AFTER

    def __post_init__(self):
        check_range(self, "decay", 0, 1, closed="left")

    def init(self, theta):
        return {"mean": theta}

    def step(self, theta, gradient, state, *, lr, t):
        mean = self.decay * state["mean"] + (1 - self.decay) * theta
        return theta, {"mean": mean}

    def evaluated(self, theta, state):
        return state["mean"]


@dataclass(frozen=True)
class Shrinking:
    """Parameters shrink before each step.

    decay: λ, in [0, inf).
    """

    decay: float = 0.1

    scope: ClassVar[Scope] = Scope.ELEMENT
    turn: ClassVar[Turn] = Turn.BEFORE

    def __post_init__(self):
        check_range(self, "decay", 0)

    def init(self, theta):
        return {}

    def step(self, theta, gradient, state, *, lr, t):
        return (1 - lr * self.decay) * theta, state


@dataclass(frozen=True)
class Probing:
    """The gradient at a point further along the gradient, at every second step.

    away: Distance, in [0, inf).
    """

    away: float = 0.1

    scope: ClassVar[Scope] = Scope.OBJECTIVE
    turn: ClassVar[Turn] = Turn.GRADIENT

    def __post_init__(self):
        check_range(self, "away", 0)

    def init(self, theta):
        return {}

    def step(self, gradient, theta, state, *, lr, t, batch):
        xp = array_namespace(theta)
        due = xp.asarray(t % 2 < 1)
        there = batch.gradient(theta + self.away * gradient, due)
        return xp.where(due, there, gradient), state


@pytest.mark.parametrize("component", [Sound, Averaging, Shrinking, Probing])
def test_what_they_are_made_from_is_sound(assert_sound, component):
    assert_sound("wrapper", component)


class ScopeIsTheBackend(Sound):
    """Has the scope of rules without a formula."""

    scope = Scope.BACKEND


class TurnIsText(Sound):
    """States its turn as a string."""

    turn = "gradient"


class SpaceTooWide(Sound):
    """Its search space reaches a decay that it refuses."""

    search_space: ClassVar[Mapping[str, Range]] = {"decay": Range(0.5, 1.5)}


class StateIsDouble(Sound):
    """Keeps its state in double precision."""

    def init(self, theta):
        return {"mean": np.zeros(theta.shape)}


class WidensTheGradient(Sound):
    """Multiplies by a number in double precision."""

    def step(self, gradient, theta, state, *, lr, t):
        gradient, new = super().step(gradient, theta, state, lr=lr, t=t)
        xp = array_namespace(theta)
        return gradient * xp.asarray(1.0, dtype=xp.float64), new


class WidensTheta(Shrinking):
    """Multiplies by a number in double precision."""

    def step(self, theta, gradient, state, *, lr, t):
        xp = array_namespace(theta)
        return theta * xp.asarray(0.9, dtype=xp.float64), state


class LosesASlot(Sound):
    """Returns a slot that it did not start with."""

    def step(self, gradient, theta, state, *, lr, t):
        gradient, new = super().step(gradient, theta, state, lr=lr, t=t)
        return gradient, new | {"last": gradient}


class ClipsInPlace(Sound):
    """Scales the gradient in place."""

    def step(self, gradient, theta, state, *, lr, t):
        gradient *= 0.5
        return super().step(gradient, theta, state, lr=lr, t=t)


class ShrinksInPlace(Shrinking):
    """Scales θ in place."""

    def step(self, theta, gradient, state, *, lr, t):
        theta *= 1 - lr * self.decay
        return theta, state


class AveragesInPlace(Averaging):
    """Moves the mean in place."""

    def init(self, theta):
        return {"mean": array_namespace(theta).zeros_like(theta)}

    def step(self, theta, gradient, state, *, lr, t):
        mean = state["mean"]
        mean += (1 - self.decay) * (theta - mean)
        return theta, {"mean": mean}


class ProbesInPlace(Probing):
    """Moves θ in place to look further along."""

    def step(self, gradient, theta, state, *, lr, t, batch):
        theta += self.away * gradient
        return batch.gradient(theta), state


class SeedsNumpy(Sound):
    """Seeds the global generator."""

    def step(self, gradient, theta, state, *, lr, t):
        np.random.seed(0)  # noqa: NPY002
        return super().step(gradient, theta, state, lr=lr, t=t)


class DividesByTheNorm(Sound):
    """Divides by a norm that may be 0."""

    scope = Scope.VECTOR

    def step(self, gradient, theta, state, *, lr, t):
        xp = array_namespace(theta)
        norm = xp.sqrt(xp.sum(gradient * gradient, axis=-1, keepdims=True))
        return super().step(gradient / norm, theta, state, lr=lr, t=t)


class NoDirection(Probing):
    """Looks along a gradient that may be 0, at a fixed distance."""

    def step(self, gradient, theta, state, *, lr, t, batch):
        xp = array_namespace(theta)
        norm = xp.sqrt(xp.sum(gradient * gradient, axis=-1, keepdims=True))
        return batch.gradient(theta + self.away * gradient / norm), state


class BranchesOnTheStep(Averaging):
    """Branches on t."""

    def step(self, theta, gradient, state, *, lr, t):
        if t < 3:
            return theta, {"mean": theta}
        return super().step(theta, gradient, state, lr=lr, t=t)


class LooksWhenAnyoneIsDue(Probing):
    """Takes another gradient for all runs if one of them is at an even step."""

    def step(self, gradient, theta, state, *, lr, t, batch):
        due = array_namespace(theta).asarray(t % 2 < 1)
        return (batch.gradient(theta) * 0.9 if due.any() else gradient), state


class LooksFromTheMean(Probing):
    """Takes the gradient at a point nearer to the mean of all runs."""

    def step(self, gradient, theta, state, *, lr, t, batch):
        xp = array_namespace(theta)
        mean = xp.mean(theta, axis=0, keepdims=True)
        return batch.gradient(0.9 * theta + 0.1 * mean), state


class AveragesAllRuns(Averaging):
    """Averages over all runs, which changes its state and no θ."""

    scope = Scope.VECTOR

    def step(self, theta, gradient, state, *, lr, t):
        mean = array_namespace(theta).mean(theta, axis=0, keepdims=True)
        return theta, {"mean": 0.9 * state["mean"] + 0.1 * mean}


class NeedsANorm(Sound):
    """Divides by the norm of a run, though its scope is ELEMENT."""

    def step(self, gradient, theta, state, *, lr, t):
        xp = array_namespace(theta)
        norm = xp.sqrt(xp.sum(gradient * gradient, axis=-1, keepdims=True))
        return super().step(gradient / (1 + norm), theta, state, lr=lr, t=t)


class RemembersANorm(Averaging):
    """Keeps the norm of a run in its state, though its scope is ELEMENT."""

    def step(self, theta, gradient, state, *, lr, t):
        xp = array_namespace(theta)
        norm = xp.sqrt(xp.sum(theta * theta, axis=-1, keepdims=True))
        return theta, {"mean": theta / (1 + norm)}


class JudgedInDouble(Averaging):
    """Is evaluated at parameters of another dtype."""

    def evaluated(self, theta, state):
        xp = array_namespace(theta)
        return xp.astype(state["mean"], xp.float64)


class JudgedByAllRuns(Averaging):
    """Is evaluated at parameters that depend on the mean of all runs."""

    def evaluated(self, theta, state):
        return state["mean"] - array_namespace(theta).mean(theta, axis=0, keepdims=True)


class TurnsTheGradient(Sound):
    """Returns the gradient with the wrong sign."""

    def step(self, gradient, theta, state, *, lr, t):
        gradient, new = super().step(gradient, theta, state, lr=lr, t=t)
        return -gradient, new


class ExchangesItsArguments(Sound):
    """Takes θ as its first argument, though at this turn the gradient is."""

    def step(self, theta, gradient, state, *, lr, t):
        return super().step(gradient, theta, state, lr=lr, t=t)


class ReturnsTheGradient(Shrinking):
    """Returns the gradient, though at this turn θ is changed."""

    def step(self, theta, gradient, state, *, lr, t):
        return gradient, state


class RoundsByTheNumberOfRuns(Sound):
    """Its last bits depend on how many runs there are."""

    scope = Scope.VECTOR

    def step(self, gradient, theta, state, *, lr, t):
        company = 1 + 1e-15 * len(theta)
        return super().step(gradient * company, theta, state, lr=lr, t=t)


class RemembersElsewhere(Sound):
    """Keeps its first step outside of its state, in one number for all runs."""

    scope = Scope.VECTOR
    memory: ClassVar[dict] = {}

    def init(self, theta):
        self.memory.clear()
        return super().init(theta)

    def step(self, gradient, theta, state, *, lr, t):
        began = self.memory.setdefault("began", float(np.min(t)))
        factor = 0.5 if began == 5 else 1.0  # the first step after a checkpoint
        return super().step(factor * gradient, theta, state, lr=lr, t=t)


class AsksForTheLibrary(Sound):
    """Differs on PyTorch, which runs rules that cannot be traced as they are written."""

    scope = Scope.VECTOR

    def step(self, gradient, theta, state, *, lr, t):
        factor = 1.001 if type(theta).__module__.startswith("torch") else 1.0
        return super().step(factor * gradient[...], theta, state, lr=lr, t=t)


@pytest.mark.parametrize(
    ("component", "requirement", "found"),
    [
        (ScopeIsTheBackend, "states_its_scope_and_turn", "scope is <Scope.BACKEND"),
        (TurnIsText, "states_its_scope_and_turn", "turn is 'gradient'"),
        (SpaceTooWide, "accepts_the_ends_of_its_search_space", r"decay=1\.5 was refused"),
        (StateIsDouble, "starts_from_arrays_like_theta", r"float32 .* 'mean' from init float64"),
        (WidensTheGradient, "keeps_shape_dtype_and_slots", "the gradient from step float64"),
        (WidensTheta, "keeps_shape_dtype_and_slots", "θ from step float64"),
        (LosesASlot, "keeps_shape_dtype_and_slots", r"\['mean'\], and step \['last', 'mean'\]"),
        (ClipsInPlace, "leaves_its_arguments_alone", r"gradient was changed, by up to \d"),
        (ShrinksInPlace, "leaves_its_arguments_alone", r"θ was changed, by up to 0\.\d"),
        (AveragesInPlace, "leaves_its_arguments_alone", r"state\['mean'\] was changed"),
        (ProbesInPlace, "leaves_its_arguments_alone", r"θ was changed, by up to \d"),
        (SeedsNumpy, "touches_no_global_generator", "np.random has changed"),
        (DividesByTheNorm, "stays_finite_without_a_gradient", r"\d+ of 52 numbers of θ"),
        (NoDirection, "stays_finite_without_a_gradient", r"\d+ of 52 numbers of θ"),
        (BranchesOnTheStep, "accepts_a_column_for_every_number", r"\(3, 1\) raised ValueError"),
        (LooksWhenAnyoneIsDue, "accepts_a_column_for_every_number", r"row 0 .* differ by 0\.\d+"),
        (LooksFromTheMean, "accepts_a_column_for_every_number", r"row 0 .* differ by 0\.\d+"),
        (
            AveragesAllRuns,
            "accepts_a_column_for_every_number",
            r"state\['mean'\] of row 0 .* differ",
        ),
        (NeedsANorm, "sees_no_more_than_its_scope", r"θ stepped in two parts, and at once differ"),
        (RemembersANorm, "sees_no_more_than_its_scope", r"state\['mean'\] stepped in two parts"),
        (JudgedInDouble, "evaluated_returns_parameters_like_theta", "from evaluated float64"),
        (
            JudgedByAllRuns,
            "evaluated_returns_parameters_like_theta",
            "first of three rows .* differ",
        ),
        (TurnsTheGradient, "lets_a_rule_go_downhill", r"went from \[.*\d.*\] to \[.*\d.*\]"),
        (ExchangesItsArguments, "lets_a_rule_go_downhill", r"went from \[.*\d.*\] to"),
        (ReturnsTheGradient, "lets_a_rule_go_downhill", r"went from \[.*\d.*\] to"),
        (RoundsByTheNumberOfRuns, "trains_in_a_stack_as_alone", r"every bit .* against -?\d"),
        (RemembersElsewhere, "continues_from_a_checkpoint", r"after 4 .* differ by 0\.\d+"),
    ],
    ids=lambda part: getattr(part, "__name__", None),
)
def test_a_faulty_wrapper_is_caught_by_its_requirement(
    assert_breaks, component, requirement, found
):
    assert_breaks("wrapper", component, requirement, found)


def test_a_wrapper_that_differs_on_another_backend_is_caught(assert_breaks, first_party):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    assert_breaks(
        "wrapper",
        AsksForTheLibrary,
        "trains_alike_on_every_backend",
        r"on torch and on numpy differ by 0\.\d+ relative .* 1e-10 is allowed",
        installed=first_party,
    )
