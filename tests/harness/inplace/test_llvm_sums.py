"""Compiled rules that need sums, against their plans on NumPy, to the last bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="llvmlite is not installed")

from harness import Scope, array_namespace
from harness.inplace import llvm_sums, machine_code
from harness.inplace.plan import Instruction, Operand, Plan, Traversal
from harness.model.network import Network
from steps_in_place import RULES, assert_same_bits, columns, problem, stepped, trained


@dataclass(frozen=True)
class Staged:
    """Sums of arrays that other sums have scaled, numbers of a run of all kinds, and carried buffers."""

    lr: float = 0.1
    bound: float = 0.5
    scope: ClassVar[Scope] = Scope.VECTOR

    def init(self, theta):
        xp = array_namespace(theta)
        return {"a": xp.ones_like(theta), "b": xp.zeros_like(theta), "last": xp.zeros_like(theta)}

    def step(self, theta, gradient, state, *, lr, t):
        xp = array_namespace(theta)
        whole = {"axis": -1, "keepdims": True}
        length = xp.sum(gradient * gradient, **whole) ** 0.5
        clipped = gradient / xp.sqrt(xp.square(length / self.bound) + 1)
        mean = xp.mean(state["a"], **whole)
        moved = clipped * xp.sign(mean) + state["b"] * (length <= t)
        spread = xp.sum(abs(moved - mean), **whole)
        chosen = xp.where(
            (spread > lr) & (mean < self.bound) | (length > 3.0), moved, state["last"]
        )
        zeros = xp.sum(-0.0 * abs(gradient), **whole)
        new = theta - lr * chosen / (1 + abs(-spread)) * xp.sign(1 / zeros)
        return new, {"a": moved, "b": state["a"] + spread, "last": gradient}


STAGED = {n: kind for n, kind in RULES.items() if kind.scope is not Scope.ELEMENT}
STAGED["staged"] = Staged


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", STAGED)
def test_loops_with_sums_have_the_bits_of_the_plan(monkeypatch, name, dtype):
    """For numbers whose norms are finite, and at lengths that sums split differently."""
    candidates = {}
    for runs, size in [(1, 7), (1, 8), (2, 131), (3, 2500), (1, 10_007), (2, 30_000)]:
        theta, gradients = problem(dtype, runs, size, special=[0.0, -0.0, 1.0])
        rule = STAGED[name]() if runs == 1 else columns(STAGED[name](), runs)
        expected, _ = stepped(rule, dtype, theta, gradients, np.inf, monkeypatch)

        actual, compiled = stepped(
            rule, dtype, theta, gradients, 0, monkeypatch, candidates=candidates
        )

        assert compiled
        assert np.isfinite(expected["theta"]).mean() > 0.5
        assert_same_bits(actual, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["lars", "lamb", "normalised"])
def test_each_parameter_of_each_run_is_where_it_is_in_theta(monkeypatch, name, dtype):
    network = Network((50, 60, 3), "relu", 0.01, True)
    theta, gradients = problem(dtype, 3, network.size, special=[0.0, 1.0])
    ends = []
    for pays in (0, np.inf):
        monkeypatch.setattr(machine_code, "PAYS", pays)
        monkeypatch.setattr(machine_code, "_candidates", {})
        rule, rates = columns(RULES[name](), 3), np.array([[0.01], [0.02], [0.03]])
        ends.append(trained(rule, network, theta, gradients, rates))
        assert all(c.code is not None for c in machine_code._candidates.values()) == (pays == 0)
    assert_same_bits(*ends)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_sum_has_the_bits_of_numpy(dtype):
    """In a plan that sums θ up and writes the sum into every element."""
    place, out, value = Operand("leaf", "theta"), Operand("leaf", "out"), Operand("value", 0)
    sum_up = Traversal(reductions=[Instruction(np.add.reduce, (place,), value)])
    spread = Traversal(vectors=[Instruction(np.positive, (value,), out)])
    summed = machine_code.MachineCode(
        Plan(traversals=[sum_up, spread], values=[None]), np.dtype(dtype)
    )
    rng = np.random.default_rng(0)
    for size in [*range(1, 300), 511, 512, 513, 520, 1000, 4096, 4104, 33_333, 100_003]:
        wide = (rng.normal(size=(3, size + 5)) * 1e3).astype(dtype)
        theta, taken = wide[:, 2:-3], np.empty((3, size), dtype)
        summed.bind({"theta": theta, "out": taken}, [], {}, (size,)).step()
        for row in range(3):
            expected = np.add.reduce(theta[row].copy())
            np.testing.assert_array_equal(taken[row], expected, err_msg=f"{size=}")


def test_a_sum_in_another_order_is_not_taken(monkeypatch):
    ordered = llvm_sums.pairwise
    monkeypatch.setattr(
        llvm_sums, "pairwise", lambda real: ordered(real).replace("i64 %n, 8", "i64 %n, 5")
    )
    theta, gradients = problem("float32", 1, 20)
    expected, _ = stepped(RULES["bounded"](), "float32", theta, gradients, np.inf, monkeypatch)
    actual, compiled = stepped(RULES["bounded"](), "float32", theta, gradients, 0, monkeypatch)
    assert not compiled
    assert_same_bits(actual, expected)


@dataclass(frozen=True)
class Largest(Staged):
    """NumPy may return either zero as the largest, where zeros have both signs."""

    def step(self, theta, gradient, state, *, lr, t):
        largest = array_namespace(theta).max(abs(gradient), axis=-1, keepdims=True)
        return theta - lr * gradient / largest, state


def test_the_largest_keeps_its_plan(monkeypatch):
    theta, gradients = problem("float64", 2, 20, special=[0.0, 1.0])
    expected, _ = stepped(Largest(), "float64", theta, gradients, np.inf, monkeypatch)
    actual, compiled = stepped(Largest(), "float64", theta, gradients, 0, monkeypatch)
    assert not compiled
    assert_same_bits(actual, expected)
