"""Rules that need numbers of a whole run: their plans against the rules, and rules without a plan."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest

from harness import Scope, array_namespace, float_fields, with_fields
from harness.inplace import InPlace, in_place
from harness_numpy.updater import _Eager
from steps_in_place import HEAVIER, NETWORK, RULES, step_stack, stepped_by_calls


@dataclass(frozen=True)
class Twice:
    """A sum of an array that another sum has scaled, a mean, extremes, and a function of a value."""

    lr: float = 0.1
    strength: float = 0.5
    scope: ClassVar[Scope] = Scope.VECTOR

    def init(self, theta):
        xp = array_namespace(theta)
        return {"last": xp.zeros_like(theta), "size": xp.ones_like(theta)}

    def step(self, theta, gradient, state, *, lr, t):
        xp = array_namespace(theta)
        whole = {"axis": -1, "keepdims": True}
        scale = xp.minimum(1.0, self.strength / xp.sum(gradient * gradient, **whole) ** 0.5)
        clipped = scale * gradient + state["last"]
        spread = xp.max(clipped, **whole) - xp.min(clipped, **whole)
        lone = xp.reshape(xp.mean(abs(clipped), axis=1), (theta.shape[0], 1))
        moved = clipped * xp.exp(-lone) / (spread + xp.sum(state["size"], **whole))
        flat = xp.where((lone > 0.1) | (spread < self.strength), moved, state["last"])
        return theta - lr * flat, {"last": clipped, "size": state["size"] + lone * t}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["lars", "lamb", "normalised", "bounded", "twice"])
def test_a_run_has_the_norms_that_it_has_alone(name, dtype):
    rule = (RULES | {"twice": Twice})[name]()
    fields = {field: np.linspace(0.1, 0.9, 4)[:, None] for field in float_fields(rule)[1:]}
    rows = with_fields(rule, **fields)
    together, update = step_stack([(rows, 4)], dtype)
    assert isinstance(update._runners[0], InPlace)
    for row in range(4):
        own = replace(rule, **{field: float(values[row, 0]) for field, values in fields.items()})
        alone, _ = step_stack([(own, 4)], dtype, rows=slice(row, row + 1))
        np.testing.assert_array_equal(together[row], alone[0])


def test_a_rule_of_three_stages():
    theta, update = step_stack([(Twice(), 1)])
    (group,) = update._runners[0]._groups
    assert len(group.plan.traversals) == 3
    np.testing.assert_array_equal(theta, stepped_by_calls(Twice()))


@dataclass(frozen=True)
class Clipped:
    """Another rule on gradients no longer than a limit."""

    rule: Any
    lr: float = 0.1
    limit: float = 1.5
    scope: ClassVar[Scope] = Scope.VECTOR

    def init(self, theta):
        return self.rule.init(theta)

    def step(self, theta, gradient, state, *, lr, t):
        xp = array_namespace(gradient)
        norm = xp.sqrt(xp.sum(gradient * gradient, axis=-1, keepdims=True))
        clipped = gradient / xp.clip(norm / self.limit, 1.0, None)
        return self.rule.step(theta, clipped, state, lr=lr, t=t)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_rule_within_a_rule(registry, dtype):
    rule = Clipped(registry.component("optimizer", "adam")())
    theta, update = step_stack([(rule, 1)], dtype)
    assert isinstance(update._runners[0], InPlace)
    np.testing.assert_array_equal(theta, stepped_by_calls(rule, dtype=dtype))


class OfZeros(Twice):
    """The signs of zeros, in numbers of the rule and in sums."""

    def step(self, theta, gradient, state, *, lr, t):
        xp = array_namespace(theta)
        nothing = -0.0 * xp.maximum(abs(gradient), 0.0)
        sign = xp.sign(1 / xp.sum(nothing, axis=-1, keepdims=True))
        return theta + sign * xp.sign(1 / nothing) * gradient, {
            "last": theta,
            "size": state["last"],
        }


def test_zeros_keep_their_signs():
    with np.errstate(divide="ignore"):
        theta, update = step_stack([(OfZeros(), 1)])
        assert isinstance(update._runners[0], InPlace)
        np.testing.assert_array_equal(theta, stepped_by_calls(OfZeros()))


@pytest.mark.parametrize("name", sorted(HEAVIER))
def test_rules_that_run_as_written_in_a_stack_and_alone(registry, name):
    rule = registry.component("optimizer", name)()
    together, update = step_stack([(rule, 3)], "float32")
    assert isinstance(update._runners[0], _Eager)
    for row in range(3):
        alone, _ = step_stack([(rule, 3)], "float32", rows=slice(row, row + 1))
        np.testing.assert_array_equal(together[row], alone[0])


def test_a_rule_is_chosen_for_each_parameter():
    """By the layer, among rules that share hyperparameters."""

    @dataclass(frozen=True)
    class Part:
        whole: Any
        share: float

        def init(self, theta):
            return {}

        def step(self, theta, gradient, state, *, lr, t):
            return theta - self.share * self.whole.strength * lr * gradient, state

    @dataclass(frozen=True)
    class Whole:
        lr: float = 0.1
        strength: float = 0.5
        scope: ClassVar[Scope] = Scope.TENSOR

        def for_parameter(self, layer, shape):
            return Part(self, 1.0 + layer.index if len(shape) == 2 else 0.25)

    traced = in_place(Whole(), NETWORK, np.dtype("float64"))
    theta, gradient = np.zeros((1, NETWORK.size)), np.ones((1, NETWORK.size))
    traced.bind(theta, gradient, traced.init(theta))
    traced.step(np.ones((1, 1)), np.ones((1, 1)))
    moved = {p.name: -p.view(theta).ravel() for p in NETWORK.parameters}
    shares = {
        "layer1.weight": 0.5,
        "layer1.bias": 0.125,
        "layer2.weight": 1.0,
        "layer2.bias": 0.125,
    }
    for name, share in shares.items():
        np.testing.assert_array_equal(moved[name], share)
