"""A rule in place against the rule itself, called with arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from harness import Scope, array_namespace, with_fields
from harness.inplace import InPlace, pieces
from steps_in_place import RULES, Elementwise, step_stack, stepped_by_calls


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
class Bounded(Elementwise):
    """Bounds its steps on both sides by functions that take `out` only by name."""

    def step(self, theta, gradient, state, *, lr, t):
        xp = array_namespace(theta)
        size = xp.minimum(xp.maximum(abs(gradient), self.floor), 1.0)
        return theta - lr * size * xp.sign(gradient), state


def test_maximum_and_minimum(registry):
    theta, update = step_stack([(Bounded(), 1)])
    assert isinstance(update._runners[0], InPlace)
    np.testing.assert_array_equal(theta, stepped_by_calls(Bounded()))
