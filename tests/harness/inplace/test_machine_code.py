"""The machine code of a rule against its plan on NumPy, to the last bit."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="llvmlite is not installed")

from harness import Scope, array_namespace
from harness.inplace import llvm_operations, machine_code
from harness.inplace.nodes import select
from harness.inplace.plan import Buffer, Instruction, Operand, Plan, Traversal
from steps_in_place import (
    RULES,
    SPECIAL,
    assert_same_bits,
    columns,
    named,
    of_run,
    of_size,
    problem,
    stepped,
)


@dataclass(frozen=True)
class Everything:
    """All operations that machine code has, on θ, on columns and on truth values."""

    lr: float = 0.1
    bound: float = 0.5
    scope: ClassVar[Scope] = Scope.ELEMENT

    def init(self, theta):
        xp = array_namespace(theta)
        return {"a": xp.ones_like(theta), "b": xp.zeros_like(theta), "last": xp.zeros_like(theta)}

    def step(self, theta, gradient, state, *, lr, t):
        xp = array_namespace(theta)
        a, b = state["a"], state["b"]
        chosen = xp.where(state["last"] * gradient > 0, a, -b)
        larger = xp.maximum(xp.minimum(gradient, self.bound), -self.bound)
        kept = (gradient <= theta) * b + (t > 1) * (theta >= self.bound) * a
        root = xp.sqrt(abs(larger) + xp.square(a)) / (1 + xp.sign(theta) ** 2)
        zeros = xp.maximum(0.0 * theta, 0.0 * gradient) + xp.minimum(0.0 * a, -0.0 * gradient)
        new = xp.where(a < b, 0.0, theta - lr * chosen * root / t) + 1 / (1 / zeros + theta)
        new = xp.where((gradient == a) & (t > 1), b, new) + (b != theta)
        return new, {"a": b + kept, "b": a, "last": gradient}


ALL = RULES | {"everything": Everything}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ALL)
def test_it_has_the_bits_of_the_plan(monkeypatch, name, dtype):
    candidates = {}
    for runs, size in [(1, 1), (1, 37), (1, 4099), (3, 1), (3, 333), (4, 64)]:
        theta, gradients = problem(dtype, runs, size)
        rule = ALL[name]() if runs == 1 else columns(ALL[name](), runs)
        expected, compiled = stepped(rule, dtype, theta, gradients, np.inf, monkeypatch)
        assert not compiled

        actual, compiled = stepped(
            rule, dtype, theta, gradients, 0, monkeypatch, candidates=candidates
        )

        assert compiled, f"{name} has an operation that the machine code lacks"
        assert_same_bits(actual, expected)


UNARY = {np.square, np.negative, np.positive, np.absolute, np.sqrt, np.sign}


COMPARISONS = {np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "operation", llvm_operations.OPERATIONS, ids=lambda operation: operation.__name__
)
def test_an_operation_has_the_bits_of_numpy_on_special_values(operation, dtype):
    with np.errstate(all="ignore"):
        a, b = (values.ravel() for values in np.meshgrid(*[np.array(SPECIAL).astype(dtype)] * 2))
        operands = (a,) if operation in UNARY else (a, b)
        expected = operation(*operands)
    places = [Operand("leaf", "theta"), Operand("leaf", "gradient")]
    result, out = Operand("buffer", 0), Operand("leaf", "out")
    compares = operation in COMPARISONS
    calls = [Instruction(operation, tuple(places[: len(operands)]), result)]
    if compares:
        calls.append(Instruction(select, (result, *places), out))
        expected = np.where(expected, a, b)
    else:
        calls.append(Instruction(np.positive, (result,), out))
    plan = Plan(traversals=[Traversal(vectors=calls)], buffers=[Buffer(bool if compares else None)])
    leaves = {"theta": a[None], "gradient": b[None], "out": np.empty_like(a)[None]}

    code = machine_code.MachineCode(plan, np.dtype(dtype))
    code.bind(leaves, [], {}, a.shape).step()

    assert_same_bits({"out": leaves["out"][0]}, {"out": expected})


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_run_has_the_bits_that_it_has_alone(monkeypatch, dtype):
    theta, gradients = problem(dtype, 3, 101)
    lr, adam = np.array([[0.01], [0.02], [0.3]]), RULES["adam"]
    together, _ = stepped(columns(adam(), 3), dtype, theta, gradients, 0, monkeypatch, lr)
    for row in range(3):
        rule, one = of_run(adam(), 3, row), (theta[[row]], gradients[:, [row]])
        alone, _ = stepped(rule, dtype, *one, np.inf, monkeypatch, lr[[row]])
        assert_same_bits({name: values[[row]] for name, values in together.items()}, alone)


def test_a_rule_changes_over_between_two_steps(monkeypatch):
    theta, gradients = problem("float32", 2, 50, steps=9)
    expected, _ = stepped(RULES["adam"](), "float32", theta, gradients, np.inf, monkeypatch)
    actual, compiled = stepped(RULES["adam"](), "float32", theta, gradients, 5000, monkeypatch)
    assert compiled
    assert_same_bits(actual, expected)


@dataclass(frozen=True)
class Exponential:
    """`exp` differs in its last bit from library to library."""

    lr: float = 0.1
    scope: ClassVar[Scope] = Scope.ELEMENT

    def init(self, theta):
        return {}

    def step(self, theta, gradient, state, *, lr, t):
        return theta - lr * array_namespace(theta).exp(-abs(gradient)), {}


def test_a_rule_that_is_not_exact_keeps_its_plan(monkeypatch):
    theta, gradients = problem("float64", 1, 20)
    expected, _ = stepped(Exponential(), "float64", theta, gradients, np.inf, monkeypatch)
    actual, compiled = stepped(Exponential(), "float64", theta, gradients, 0, monkeypatch)
    assert not compiled
    assert_same_bits(actual, expected)


def test_arrays_that_are_not_contiguous_keep_the_plan(monkeypatch):
    monkeypatch.setattr(machine_code, "PAYS", 0)
    monkeypatch.setattr(machine_code, "_candidates", {})
    wide = np.ones((3, 20))
    rule = of_size(RULES["sgd"](), "float64", 10)
    rule.bind(wide[:, ::2], np.ones((3, 10)), [{}])
    for _ in range(2):
        rule.step(np.full((3, 1), 0.25), np.ones((3, 1)))
    np.testing.assert_array_equal(wide[:, ::2], 0.5)
    np.testing.assert_array_equal(wide[:, 1::2], 1.0)


def stepped_with(rule, theta, gradients):
    """θ and the state after a step with each gradient, which are arrays of their own."""
    in_place, lr = of_size(rule, "float32", 40), np.array([[0.01], [0.1]])
    state = in_place.init(theta)
    in_place.bind(theta, gradients[0], state)
    with np.errstate(all="ignore"):
        for t, slope in enumerate(gradients, start=1):
            in_place.set_gradient(slope)
            in_place.step(lr, np.full((2, 1), float(t)))
    return named(theta, state)


@pytest.mark.parametrize("pays", [0, np.inf])
@pytest.mark.parametrize("name", ["adam", "lamb", "bounded"])
def test_a_gradient_in_another_array_is_read_and_never_written(monkeypatch, name, pays):
    theta, gradients = problem("float32", 2, 40)
    expected, _ = stepped(RULES[name](), "float32", theta, gradients, pays, monkeypatch)
    passed = gradients.copy()
    assert_same_bits(stepped_with(RULES[name](), theta, passed), expected)
    np.testing.assert_array_equal(passed, gradients)


def test_gradients_with_and_without_gaps_come_in_turn(monkeypatch):
    theta, gradients = problem("float32", 2, 40, steps=6)
    expected, _ = stepped(RULES["adam"](), "float32", theta, gradients, 0, monkeypatch)
    kept = gradients.copy()
    with_gaps = [np.repeat(slope, 2, axis=1)[:, ::2] for slope in gradients]
    passed = [pair[t % 2] for t, pair in enumerate(zip(with_gaps, gradients, strict=True))]
    assert_same_bits(stepped_with(RULES["adam"](), theta, passed), expected)
    np.testing.assert_array_equal(passed, kept)


def test_stacks_share_machine_code(monkeypatch):
    steps = 1.5  # of two operations each
    monkeypatch.setattr(machine_code, "PAYS", steps * 2 * (40 + machine_code.CALL))
    monkeypatch.setattr(machine_code, "_candidates", {})
    runs = [of_size(RULES["sgd"](), "float64", 40) for _ in range(2)]
    for rule in runs:
        rule.bind(np.ones((1, 40)), np.ones((1, 40)), [{}])
    for _ in range(3):
        for rule in runs:
            rule.step(np.ones((1, 1)), np.ones((1, 1)))
    (one,), (other,) = (rule._groups for rule in runs)
    assert len(one._calls) == len(other._calls) == 1
    assert one._code is other._code is not None


def test_a_rule_is_compiled_once_its_work_and_its_calls_have_taken_as_long(monkeypatch):
    monkeypatch.setattr(machine_code, "PAYS", 5 * 2 * (40 + machine_code.CALL))
    monkeypatch.setattr(machine_code, "_candidates", {})
    rule = of_size(RULES["sgd"](), "float64", 40)
    rule.bind(np.ones((1, 40)), np.ones((1, 40)), [{}])
    compiled = []
    for _ in range(6):
        rule.step(np.ones((1, 1)), np.ones((1, 1)))
        compiled.append(rule._groups[0]._code is not None)
    assert compiled == [False] * 4 + [True] * 2


def test_what_llvm_refuses_is_said_and_runs_on_numpy(monkeypatch):
    monkeypatch.setattr(machine_code, "assembly", lambda *_: "no language at all")
    theta, gradients = problem("float32", 1, 20)
    with pytest.warns(UserWarning, match="llvmlite cannot compile update rules"):
        actual, compiled = stepped(RULES["sgd"](), "float32", theta, gradients, 0, monkeypatch)
    expected, _ = stepped(RULES["sgd"](), "float32", theta, gradients, np.inf, monkeypatch)
    assert not compiled
    assert_same_bits(actual, expected)


def test_llvm_is_loaded_by_long_training_alone():
    code = (
        "import sys, numpy as np; from harness.inplace import InPlace; "
        "from harness.model.network import Network; from harness_optimizers import Sgd; "
        "network = Network((9, 1), 'relu', 0.01, False); "
        "x = np.ones((1, 9)); rule = InPlace(Sgd(), network, x.dtype); rule.bind(x, x.copy(), [{}]); "
        "rule.step(np.ones((1, 1)), np.ones((1, 1))); print('llvmlite' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
