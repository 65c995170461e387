"""Rules that cannot be traced, and so run operation by operation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from harness import Scope, array_namespace
from harness.inplace import in_place
from harness_numpy.updater import _Eager
from steps_in_place import NETWORK, Elementwise, step_stack, stepped_by_calls


@dataclass(frozen=True)
class Normalised:
    """Needs a norm, so it is not elementwise and cannot be traced, although its scope says so."""

    lr: float = 0.1
    scope: ClassVar[Scope] = Scope.ELEMENT

    def init(self, theta):
        return {}

    def step(self, theta, gradient, state, *, lr, t):
        xp = array_namespace(theta)
        norm = xp.sqrt(xp.sum(gradient * gradient, axis=-1, keepdims=True))
        return theta - lr * gradient / norm, {}


def test_what_cannot_be_traced_runs_as_written(registry):
    theta, update = step_stack([(Normalised(), 1)])
    assert isinstance(update._runners[0], _Eager)
    np.testing.assert_allclose(theta, stepped_by_calls(Normalised()), rtol=1e-13)


NO_TRUTHS = {
    "a sum of them": lambda xp, x, t: (x > 0) + (x < 1),
    "a sum of those of a run": lambda xp, x, t: (t > 1) + (t > 2),
    "the larger one": lambda xp, x, t: xp.maximum(x > 0, x < 1) + (x > 2),
    "a choice of them": lambda xp, x, t: xp.where(x > 0, x < 1, x > -1) & (x < 2),
    "a number as one": lambda xp, x, t: xp.where(x, 1.0, x),
    "a number beside one": lambda xp, x, t: (x > 0) & True,
    "a branch on equality": lambda xp, x, t: 1.0 if t == 1 else 2.0,
}


@pytest.mark.parametrize("what", NO_TRUTHS)
def test_truth_values_that_are_numbers_for_a_symbol_are_not_traced(what):
    """NumPy adds two truth values to True; a plan would add them to 2."""

    @dataclass(frozen=True)
    class Rule(Elementwise):
        def step(self, theta, gradient, state, *, lr, t):
            return theta - lr * gradient * NO_TRUTHS[what](array_namespace(theta), gradient, t), {}

    assert in_place(Rule(), NETWORK, np.dtype("float64")) is None


def test_an_elementwise_rule_with_a_number_a_run_is_not_traced():
    @dataclass(frozen=True)
    class Counting(Elementwise):
        def init(self, theta):
            return {"steps": array_namespace(theta).zeros_like(theta[..., :1])}

        def step(self, theta, gradient, state, *, lr, t):
            return theta - lr * gradient, {"steps": state["steps"] + 1.0}

    theta, update = step_stack([(Counting(), 1)])
    assert isinstance(update._runners[0], _Eager)
    np.testing.assert_allclose(theta, stepped_by_calls(Counting()), rtol=1e-13)


@dataclass(frozen=True)
class Whole(Elementwise):
    """Sees all of θ."""

    scope: ClassVar[Scope] = Scope.VECTOR

    def step(self, theta, gradient, state, *, lr, t):
        return theta - lr * gradient, state


NOT_TRACED = {
    "a branch on a norm": lambda xp, x: 1.0 if xp.sum(x * x, axis=-1, keepdims=True) > 1 else 2.0,
    "the number of runs": lambda xp, x: 1 / x.shape[0],
    "all numbers of a stack": lambda xp, x: 1 / np.prod(x.shape),
    "a sum over the runs": lambda xp, x: xp.sum(x, axis=0, keepdims=True),
    "a sum over all": lambda xp, x: xp.sum(x),
    "an axis that is missing": lambda xp, x: xp.reshape(xp.sum(x, axis=-1), (-1, 1)),
    "truth values that are counted": lambda xp, x: xp.sum(x > 0, axis=-1, keepdims=True),
    "what symbols lack": lambda xp, x: xp.flip(x, axis=-1),
}


@pytest.mark.parametrize("what", NOT_TRACED)
def test_what_depends_on_the_stack_or_has_no_symbol_is_not_traced(what):
    @dataclass(frozen=True)
    class Rule(Whole):
        def step(self, theta, gradient, state, *, lr, t):
            factor = NOT_TRACED[what](array_namespace(theta), gradient)
            return theta - lr * factor * gradient, state

    assert in_place(Rule(), NETWORK, np.dtype("float32")) is None
    assert in_place(Whole(), NETWORK, np.dtype("float32")) is not None
