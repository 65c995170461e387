"""Steps of update rules in place, and by plain calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from harness import Block, Scope, float_fields, with_fields
from harness.inplace import InPlace, machine_code
from harness.model.mlp import Mlp
from harness.model.network import Network
from harness.registry.registry import load_registry
from harness.testing.fixtures import update_rules
from harness.update.scopes import apply, initial_state, rule_for
from harness_numpy.updater import NumpyUpdater

NETWORK = Mlp([5]).sized(3, 2)


SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-40, -1e-310, 3e38, -1e300, 1.0, -1.0]


HEAVIER = {"muon", "shampoo"}  # products of matrices, eigenvalues


def rules():
    """All rules that are traced, by name."""
    registry = load_registry()
    found = {
        name: registry.component(of, name)
        for of in ("optimizer", "wrapper")
        for name in registry.names(of)
    }
    traced = {
        name: kind
        for name, kind in found.items()
        if kind.scope not in (Scope.BACKEND, Scope.OBJECTIVE) and name not in HEAVIER
    }
    return traced | {"normalised": update_rules.Normalised, "bounded": update_rules.Bounded}


RULES = rules()


@dataclass(frozen=True)
class Elementwise:
    """An elementwise rule without a state, to which a test adds the step."""

    lr: float = 0.1
    floor: float = 0.5
    scope: ClassVar[Scope] = Scope.ELEMENT

    def init(self, theta):
        return {}


def step_stack(rules_and_rows, dtype="float64", steps=7, rows=None, size=NETWORK.size):
    """θ after some steps of a stack of (rule, number of runs) pairs."""
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


def stepped_by_calls(rule, steps=7, dtype="float64"):
    """θ after calls of the rule with plain numbers, on the parts of θ that its scope asks for."""
    rng = np.random.default_rng(3)
    start = rng.normal(size=(1, NETWORK.size)).astype(dtype)
    gradients = rng.normal(size=(steps, 1, NETWORK.size)).astype(dtype)
    parts = [(rule, np.asarray)]
    if rule.scope is Scope.TENSOR:
        parts = [(rule_for(rule, p, NETWORK), p.view) for p in NETWORK.parameters]
    ends = []
    for part_rule, view in parts:
        theta = view(start)
        state = part_rule.init(theta)
        for t, gradient in enumerate(gradients, start=1):
            theta, state = part_rule.step(theta, view(gradient), state, lr=0.01, t=t)
        ends.append(theta.reshape(1, -1))
    return np.concatenate(ends, axis=1)


def network_of(size):
    """A network whose only parameter has so many elements."""
    return Network((size, 1), "relu", 0.01, False)


def of_size(rule, dtype, size):
    """The rule in place, for a network with so many elements."""
    return InPlace(rule, network_of(size), np.dtype(dtype))


def columns(rule, runs):
    """The rule with another value of each float field for each run."""
    share = np.linspace(0.9, 1.0, runs)[:, None]
    return with_fields(rule, **{name: getattr(rule, name) * share for name in float_fields(rule)})


def of_run(rule, runs, row):
    """The rule with the values that `columns` gives one of the runs."""
    rule = columns(rule, runs)
    values = {name: float(getattr(rule, name)[row, 0]) for name in float_fields(rule)}
    return with_fields(rule, **values)


def trained(rule, network, theta, gradients, rates):
    """θ and state after the steps in place. theta: (R, P). gradients: (steps, R, P). rates: (R, 1)."""
    rule = InPlace(rule, network, theta.dtype)
    theta, gradient = theta.copy(), np.empty_like(theta)
    state = rule.init(theta)
    rule.bind(theta, gradient, state)
    for t, slope in enumerate(gradients, start=1):
        gradient[...] = slope
        rule.step(rates, np.full((len(theta), 1), float(t)))
    return named(theta, state)


def stepped_plainly(rule, network, theta, gradients, rate):
    """θ and state of one run after plain calls of the rule."""
    block, theta = Block(slice(0, 1), rule), theta.copy()
    state = initial_state(block, theta, network)
    for t, slope in enumerate(gradients, start=1):
        apply(block, theta, slope, state, rate, t, network)
    return named(theta, state)


def named(theta, state):
    """All arrays by name. state: of each parameter."""
    slots = {f"{name} of {n}": slot for n, part in enumerate(state) for name, slot in part.items()}
    return {"theta": theta, **slots}


def stepped(rule, dtype, theta, gradients, pays, monkeypatch, lr=None, candidates=None):
    """θ and state after the steps, and whether they were compiled.

    Args:
        pays: Work after which the rule is compiled.
        candidates: Plans that were compiled before; none by default.
    """
    monkeypatch.setattr(machine_code, "PAYS", pays)
    monkeypatch.setattr(machine_code, "_candidates", {} if candidates is None else candidates)
    lr = np.linspace(0.01, 0.1, len(theta))[:, None] if lr is None else lr
    with np.errstate(all="ignore"):
        arrays = trained(rule, network_of(theta.shape[1]), theta.astype(dtype), gradients, lr)
    return arrays, all(candidate.code for candidate in machine_code._candidates.values())


def assert_same_bits(actual, expected):
    for name, values in expected.items():
        bits = f"i{values.itemsize}"
        same = (actual[name].view(bits) == values.view(bits)) | (
            np.isnan(actual[name]) & np.isnan(values)
        )
        assert same.all(), (name, actual[name][~same][:5], values[~same][:5])


def problem(dtype, runs, size, steps=5, special=SPECIAL):
    rng = np.random.default_rng(runs + size)
    theta = rng.normal(size=(runs, size))
    gradients = rng.normal(size=(steps, runs, size)) * 10.0 ** rng.integers(
        -12, 3, (steps, runs, size)
    )
    for values in (theta, *gradients):
        at = rng.random(values.shape) < 0.2
        values[at] = rng.choice(special, at.sum())
    with np.errstate(over="ignore"):
        return theta.astype(dtype), gradients.astype(dtype)
