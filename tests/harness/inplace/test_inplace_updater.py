"""The traced plan of a rule against the rule as it is written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest

from harness import Block, Scope, array_namespace, float_fields
from harness.inplace import InPlace, in_place, pieces
from harness.network import Mlp
from harness.testing import update_rules
from harness.update import clip_gradient, with_columns
from harness_numpy.updater import NumpyUpdater, _AsWritten
from harness_optimizers import harness_optimizers

NETWORK = Mlp([5]).sized(3, 2)


def run(rules_and_rows, dtype="float64", steps=7, rows=None, size=NETWORK.size):
    """θ after some steps of a stack; each rule brings the number of its rows."""
    rng = np.random.default_rng(3)
    total = sum(count for _, count in rules_and_rows)
    theta = rng.normal(size=(total, size)).astype(dtype)
    gradients = rng.normal(size=(steps, total, size)).astype(dtype)
    lr = np.linspace(0.01, 0.1, total)[:, None]
    if rows is not None:
        theta, gradients, lr = theta[rows].copy(), gradients[:, rows].copy(), lr[rows]
    blocks, start = [], 0
    for rule, count in rules_and_rows:
        blocks.append(Block(slice(start, start + count), rule))
        start += count
    if rows is not None:
        blocks = [Block(slice(0, theta.shape[0]), rules_and_rows[0][0])]
    update = NumpyUpdater(blocks, NETWORK, dtype)
    state = update.init(theta)
    for t in range(1, steps + 1):
        at = np.full((len(theta), 1), float(t))
        theta, state = update(theta, gradients[t - 1], state, lr, at)
    return theta, update


def as_written(rule, steps=7, dtype="float64"):
    """θ, by calls of the rule with plain numbers on what its scope asks for."""
    rng = np.random.default_rng(3)
    start = rng.normal(size=(1, NETWORK.size)).astype(dtype)
    gradients = rng.normal(size=(steps, 1, NETWORK.size)).astype(dtype)
    tensors = rule.scope is Scope.TENSOR
    ends = []
    for view in [p.view for p in NETWORK.parameters] if tensors else [lambda array: array]:
        theta = view(start)
        state = rule.init(theta)
        for t, gradient in enumerate(gradients, start=1):
            theta, state = rule.step(theta, view(gradient), state, lr=0.01, t=t)
        ends.append(theta.reshape(1, -1))
    return np.concatenate(ends, axis=1)


HEAVIER = {"adafactor", "muon"}  # means of rows and columns, and products of matrices
RULES = {
    name: kind()
    for name, kind in harness_optimizers().items()
    if kind.scope is not Scope.BACKEND and name not in HEAVIER
} | {"normalised": update_rules.Normalised(), "bounded": update_rules.Bounded()}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", RULES)
def test_traced_equals_as_written_bit_for_bit(name, dtype):
    theta, update = run([(RULES[name], 1)], dtype)
    assert isinstance(update._runners[0], InPlace)
    np.testing.assert_array_equal(theta, as_written(RULES[name], dtype=dtype))


@pytest.mark.parametrize("piece", [4, 7, 64])
@pytest.mark.parametrize("name", RULES)
def test_size_of_the_pieces_does_not_matter(monkeypatch, name, piece):
    expected, _ = run([(RULES[name], 3)])
    monkeypatch.setattr(pieces, "PIECE", piece)
    found, _ = run([(RULES[name], 3)])
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_run_computes_alone_what_it_computes_in_a_stack(registry, dtype):
    adam, adamw = (registry.component("optimizer", name) for name in ("adam", "adamw"))
    beta1, eps = np.linspace(0.5, 0.95, 4)[:, None], np.array([[1e-8], [1e-3], [1e-5], [1e-7]])
    mixed = adam()
    object.__setattr__(mixed, "beta1", beta1)
    object.__setattr__(mixed, "eps", eps)
    together, _ = run([(mixed, 4), (adamw(), 2)], dtype)
    for row in range(4):
        rule = adam(beta1=float(beta1[row, 0]), eps=float(eps[row, 0]))
        # the same random numbers, cut down to one row
        alone, _ = run([(rule, 4), (adamw(), 2)], dtype, rows=slice(row, row + 1))
        np.testing.assert_array_equal(alone[0], together[row])


@dataclass(frozen=True)
class Swapping:
    """Its slots change places, one takes over the gradient, and `where` chooses."""

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
    theta, update = run([(Swapping(), 1)])
    assert isinstance(update._runners[0], InPlace)
    np.testing.assert_array_equal(theta, as_written(Swapping()))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["lars", "lamb", "normalised", "bounded", "twice"])
def test_a_run_has_the_norms_that_it_has_alone(name, dtype):
    rule = replace((RULES | {"twice": Twice()})[name])
    fields = {field: np.linspace(0.1, 0.9, 4)[:, None] for field in float_fields(rule)[1:]}
    rows = replace(rule)
    for field, values in fields.items():
        object.__setattr__(rows, field, values)
    together, update = run([(rows, 4)], dtype)
    assert isinstance(update._runners[0], InPlace)
    for row in range(4):
        own = replace(rule, **{field: float(values[row, 0]) for field, values in fields.items()})
        alone, _ = run([(own, 4)], dtype, rows=slice(row, row + 1))
        np.testing.assert_array_equal(together[row], alone[0])


@dataclass(frozen=True)
class Twice:
    """A sum of what another sum has scaled, a mean, extremes, and a function of a value."""

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


def test_a_rule_of_three_stages():
    theta, update = run([(Twice(), 1)])
    (group,) = update._runners[0]._groups
    assert len(group.plan.stages) == 3
    np.testing.assert_array_equal(theta, as_written(Twice()))


@dataclass(frozen=True)
class Clipped:
    """Another rule, given gradients that are no longer than a limit."""

    rule: Any
    lr: float = 0.1
    limit: float = 1.5
    scope: ClassVar[Scope] = Scope.VECTOR

    def init(self, theta):
        return self.rule.init(theta)

    def step(self, theta, gradient, state, *, lr, t):
        return self.rule.step(theta, clip_gradient(gradient, self.limit), state, lr=lr, t=t)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_rule_within_a_rule(registry, dtype):
    rule = Clipped(registry.component("optimizer", "adam")())
    theta, update = run([(rule, 1)], dtype)
    assert isinstance(update._runners[0], InPlace)
    np.testing.assert_array_equal(theta, as_written(rule, dtype=dtype))


class OfZeros(Twice):
    """The sign of a sum that is a zero."""

    def step(self, theta, gradient, state, *, lr, t):
        xp = array_namespace(theta)
        nothing = xp.sum(-0.0 * abs(gradient), axis=-1, keepdims=True)
        return theta + xp.sign(1 / nothing) * gradient, {"last": theta, "size": state["last"]}


def test_a_sum_of_negative_zeros():
    with np.errstate(divide="ignore"):
        theta, update = run([(OfZeros(), 1)])
        assert isinstance(update._runners[0], InPlace)
        np.testing.assert_array_equal(theta, as_written(OfZeros()))


@pytest.mark.parametrize("name", ["adafactor", "muon"])
def test_rules_that_run_as_written_in_a_stack_and_alone(registry, name):
    rule = registry.component("optimizer", name)()
    together, update = run([(rule, 3)], "float32")
    assert isinstance(update._runners[0], _AsWritten)
    for row in range(3):
        alone, _ = run([(rule, 3)], "float32", rows=slice(row, row + 1))
        np.testing.assert_array_equal(together[row], alone[0])


@dataclass(frozen=True)
class Normalised:
    """Needs a norm: not elementwise, so it cannot be traced although it says so."""

    lr: float = 0.1
    scope: ClassVar[Scope] = Scope.ELEMENT

    def init(self, theta):
        return {}

    def step(self, theta, gradient, state, *, lr, t):
        xp = array_namespace(theta)
        norm = xp.sqrt(xp.sum(gradient * gradient, axis=-1, keepdims=True))
        return theta - lr * gradient / norm, {}


def test_what_cannot_be_traced_runs_as_written(registry):
    theta, update = run([(Normalised(), 1)])
    assert isinstance(update._runners[0], _AsWritten)
    np.testing.assert_allclose(theta, as_written(Normalised()), rtol=1e-13)


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
    class Rule(Twice):
        def step(self, theta, gradient, state, *, lr, t):
            factor = NOT_TRACED[what](array_namespace(theta), gradient)
            return theta - lr * factor * gradient, state

    assert in_place(Rule(), NETWORK, np.dtype("float32")) is None
    assert in_place(Twice(), NETWORK, np.dtype("float32")) is not None


def test_a_rule_is_chosen_for_each_parameter():
    """By the layer, among rules with the hyperparameters of one."""

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


@dataclass(frozen=True)
class Bounded:
    """Its steps are neither long nor short, by functions that take `out` by name alone."""

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
    theta, update = run([(Bounded(), 1)])
    assert isinstance(update._runners[0], InPlace)
    np.testing.assert_array_equal(theta, as_written(Bounded()))


@dataclass(frozen=True)
class Switched(Bounded):
    """Asks for the step by comparisons of numbers of a run, with `where` and by multiplication."""

    def step(self, theta, gradient, state, *, lr, t):
        where = array_namespace(theta).where
        factor = where(t > 3, self.floor, 1.0) + (t <= 2) * abs(self.floor - 1)
        return theta - lr * factor * gradient, state


def test_numbers_of_a_run_are_compared_and_chosen_by():
    rule = Switched()
    theta, update = run([(rule, 1)])
    assert isinstance(update._runners[0], InPlace)
    np.testing.assert_array_equal(theta, as_written(rule))
    rows = with_columns(replace(rule, floor=0), lambda _: np.array([[0.5], [0.7]]))
    together, _ = run([(rows, 2)])
    for row, floor in enumerate((0.5, 0.7)):
        alone, _ = run([(Switched(floor=floor), 2)], rows=slice(row, row + 1))
        np.testing.assert_array_equal(together[row], alone[0])
