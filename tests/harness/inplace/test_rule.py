"""A rule in place against the rule itself, called with arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

from harness import Scope, array_namespace, with_fields
from harness.inplace import InPlace, in_place, pieces
from harness.update.scopes import with_columns
from harness_numpy.updater import _Eager
from steps_in_place import NETWORK, RULES, step_stack, stepped_by_calls


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", RULES)
def test_traced_equals_as_written_bit_for_bit(name, dtype):
    theta, update = step_stack([(RULES[name](), 1)], dtype)
    assert isinstance(update._runners[0], InPlace)
    np.testing.assert_array_equal(theta, stepped_by_calls(RULES[name](), dtype=dtype))


@pytest.mark.parametrize("piece", [4, 7, 64])
@pytest.mark.parametrize("name", RULES)
def test_size_of_the_pieces_does_not_matter(monkeypatch, name, piece):
    expected, _ = step_stack([(RULES[name](), 3)])
    monkeypatch.setattr(pieces, "PIECE", piece)
    actual, _ = step_stack([(RULES[name](), 3)])
    np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_run_computes_alone_what_it_computes_in_a_stack(registry, dtype):
    adam, adamw = (registry.component("optimizer", name) for name in ("adam", "adamw"))
    beta1, eps = np.linspace(0.5, 0.95, 4)[:, None], np.array([[1e-8], [1e-3], [1e-5], [1e-7]])
    mixed = with_fields(adam(), beta1=beta1, eps=eps)
    together, _ = step_stack([(mixed, 4), (adamw(), 2)], dtype)
    for row in range(4):
        rule = adam(beta1=float(beta1[row, 0]), eps=float(eps[row, 0]))
        # the same random numbers, cut down to one row
        alone, _ = step_stack([(rule, 4), (adamw(), 2)], dtype, rows=slice(row, row + 1))
        np.testing.assert_array_equal(alone[0], together[row])


@dataclass(frozen=True)
class Swapping:
    """Two slots swap, one becomes the gradient, and `where` chooses."""

    lr: float = 0.1
    scope: ClassVar[Scope] = Scope.ELEMENT

    def init(self, theta):
        xp = array_namespace(theta)
        return {"a": xp.ones_like(theta), "b": xp.zeros_like(theta), "last": xp.zeros_like(theta)}

    def step(self, theta, gradient, state, *, lr, t):
        xp = array_namespace(theta)
        chosen = xp.where(state["last"] * gradient > 0, state["a"], state["b"])
        new = theta - lr * chosen * abs(gradient) / t
        return new, {"a": state["b"] + 0.1 * theta, "b": state["a"], "last": gradient}


def test_slots_that_change_places(registry):
    theta, update = step_stack([(Swapping(), 1)])
    assert isinstance(update._runners[0], InPlace)
    np.testing.assert_array_equal(theta, stepped_by_calls(Swapping()))


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


@dataclass(frozen=True)
class Bounded:
    """Bounds its steps on both sides by functions that take `out` only by name."""

    lr: float = 0.1
    floor: float = 0.5
    scope: ClassVar[Scope] = Scope.ELEMENT

    def init(self, theta):
        return {}

    def step(self, theta, gradient, state, *, lr, t):
        xp = array_namespace(theta)
        size = xp.minimum(xp.maximum(abs(gradient), self.floor), 1.0)
        return theta - lr * size * xp.sign(gradient), state


def test_maximum_and_minimum(registry):
    theta, update = step_stack([(Bounded(), 1)])
    assert isinstance(update._runners[0], InPlace)
    np.testing.assert_array_equal(theta, stepped_by_calls(Bounded()))


@dataclass(frozen=True)
class Switched(Bounded):
    """Compares the number of the step, and chooses with `where` and by multiplication."""

    def step(self, theta, gradient, state, *, lr, t):
        where = array_namespace(theta).where
        factor = where(t > 3, self.floor, 1.0) + (t <= 2) * abs(self.floor - 1)
        return theta - lr * factor * gradient, state


def test_numbers_of_a_run_are_compared_and_chosen_by():
    rule = Switched()
    theta, update = step_stack([(rule, 1)])
    assert isinstance(update._runners[0], InPlace)
    np.testing.assert_array_equal(theta, stepped_by_calls(rule))
    rows = with_columns(replace(rule, floor=0), lambda _: np.array([[0.5], [0.7]]))
    together, _ = step_stack([(rows, 2)])
    for row, floor in enumerate((0.5, 0.7)):
        alone, _ = step_stack([(Switched(floor=floor), 2)], rows=slice(row, row + 1))
        np.testing.assert_array_equal(together[row], alone[0])


@dataclass(frozen=True)
class Undefined(Bounded):
    """Numbers of a run for which Python raises and NumPy returns infinity or NaN."""

    def step(self, theta, gradient, state, *, lr, t):
        xp = array_namespace(theta)
        share = self.floor * t
        root = xp.sqrt(2 - share) + (1 - share) ** 0.5 + share % (1 - share)
        defined = xp.where(root > 0.1, root, 2.0) + xp.minimum(1 / (share - 1), 3.0)
        return theta - lr * gradient * (defined + 1 / 1e300**t), state


def test_a_run_alone_has_the_infinities_of_a_stack():
    floors = (0.5, 1.0)
    rows = with_columns(replace(Undefined(), floor=0), lambda _: np.array(floors)[:, None])
    with np.errstate(all="ignore"):
        together, update = step_stack([(rows, 2)])
        assert isinstance(update._runners[0], InPlace)
        assert np.isfinite(together).all()
        for row, floor in enumerate(floors):
            alone, _ = step_stack([(Undefined(floor=floor), 2)], rows=slice(row, row + 1))
            np.testing.assert_array_equal(alone[0], together[row])


@dataclass(frozen=True)
class Masked(Bounded):
    """Truth values of a run meet those of θ, and numbers are compared by equality."""

    def step(self, theta, gradient, state, *, lr, t):
        where = array_namespace(theta).where
        late, small = t > 3, abs(gradient) < self.floor
        still = (gradient == 0) | late & small | small * (t == 1)
        moved = where(t != 2, gradient, theta)
        return theta - lr * where(still, 0.0, moved) - (theta != gradient) * (lr * late), state


def test_truth_values_of_a_run_meet_those_of_its_elements():
    rule = Masked()
    theta, update = step_stack([(rule, 1)])
    assert isinstance(update._runners[0], InPlace)
    np.testing.assert_array_equal(theta, stepped_by_calls(rule))


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
    class Rule(Bounded):
        def step(self, theta, gradient, state, *, lr, t):
            return theta - lr * gradient * NO_TRUTHS[what](array_namespace(theta), gradient, t), {}

    assert in_place(Rule(), NETWORK, np.dtype("float64")) is None


def test_an_elementwise_rule_with_a_number_a_run_is_not_traced():
    @dataclass(frozen=True)
    class Counting(Bounded):
        def init(self, theta):
            return {"steps": array_namespace(theta).zeros_like(theta[..., :1])}

        def step(self, theta, gradient, state, *, lr, t):
            return theta - lr * gradient, {"steps": state["steps"] + 1.0}

    theta, update = step_stack([(Counting(), 1)])
    assert isinstance(update._runners[0], _Eager)
    np.testing.assert_allclose(theta, stepped_by_calls(Counting()), rtol=1e-13)
