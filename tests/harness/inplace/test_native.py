"""The compiled loop of a rule against its plan on NumPy, to the last bit."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="llvmlite is not installed")

from harness import Scope, array_namespace, float_fields
from harness.inplace import InPlace, native, operations, sums
from harness.inplace.nodes import select
from harness.inplace.plan import Buffer, Instruction, Plan, Reference, Stage
from harness.network import Network
from harness.registry import load_registry
from harness.testing import update_rules

SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-40, -1e-310, 3e38, -1e300, 1.0, -1.0]


@dataclass(frozen=True)
class Everything:
    """All operations that a loop has, on θ, on columns and on truth values."""

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
        return new, {"a": b + kept, "b": a, "last": gradient}


@dataclass(frozen=True)
class Staged(Everything):
    """Sums of what other sums have scaled, numbers of a run of all kinds, and what is kept meanwhile."""

    scope: ClassVar[Scope] = Scope.VECTOR

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


def rules():
    registry = load_registry()
    found = {name: registry.component("optimizer", name) for name in registry.names("optimizer")}
    heavier = {"adafactor", "muon"}
    traced = {
        name: kind
        for name, kind in found.items()
        if kind.scope is not Scope.BACKEND and name not in heavier
    }
    own = {"everything": Everything, "staged": Staged, "normalised": update_rules.Normalised}
    return traced | own | {"bounded": update_rules.Bounded}


RULES = rules()


def in_place(rule, dtype, size):
    """The rule for a network whose only parameter has so many elements."""
    return InPlace(rule, Network((size, 1), "relu", 0.01, False), np.dtype(dtype))


def columns(rule, runs):
    """The rule with another value of each float field for each run."""
    for name in float_fields(rule):
        value = getattr(rule, name)
        object.__setattr__(rule, name, (value * np.linspace(0.9, 1.0, runs))[:, None])
    return rule


def stepped(rule, dtype, theta, gradients, pays, monkeypatch, lr=None):
    """θ and state after the steps. pays: after how much work the rule is compiled."""
    monkeypatch.setattr(native, "PAYS", pays)
    monkeypatch.setattr(native, "_candidates", {})
    runs = len(theta)
    lr = np.linspace(0.01, 0.1, runs)[:, None] if lr is None else lr
    run = in_place(rule, dtype, theta.shape[1])
    theta, gradient = theta.copy(), np.empty_like(theta)
    state = run.init(theta)
    run.bind(theta, gradient, state)
    with np.errstate(all="ignore"):
        for t, slope in enumerate(gradients, start=1):
            gradient[...] = slope
            run.step(lr, np.full((runs, 1), float(t)))
    (candidate,) = native._candidates.values()
    slots = {name: slot.reshape(runs, -1) for name, slot in state[0].items()}
    return {"theta": theta, **slots}, candidate.native is not None


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


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", RULES)
def test_the_loop_has_the_bits_of_the_plan(monkeypatch, name, dtype):
    for runs, size in [(1, 1), (1, 37), (1, 4099), (3, 1), (3, 333), (4, 64)]:
        theta, gradients = problem(dtype, runs, size)
        rule = RULES[name]() if runs == 1 else columns(RULES[name](), runs)
        expected, compiled = stepped(rule, dtype, theta, gradients, np.inf, monkeypatch)
        assert not compiled

        actual, compiled = stepped(rule, dtype, theta, gradients, 0, monkeypatch)

        assert compiled, f"{name} has an operation that the loop lacks"
        assert_same_bits(actual, expected)


STAGED = [name for name, kind in RULES.items() if kind.scope is not Scope.ELEMENT]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", STAGED)
def test_loops_with_sums_have_the_bits_of_the_plan(monkeypatch, name, dtype):
    """As above, of numbers whose norms are finite, and at lengths that the sums cut differently."""
    for runs, size in [(1, 7), (1, 8), (2, 131), (3, 2500), (1, 10_007), (2, 30_000)]:
        theta, gradients = problem(dtype, runs, size, special=[0.0, -0.0, 1.0])
        rule = RULES[name]() if runs == 1 else columns(RULES[name](), runs)
        expected, _ = stepped(rule, dtype, theta, gradients, np.inf, monkeypatch)

        actual, compiled = stepped(rule, dtype, theta, gradients, 0, monkeypatch)

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
        monkeypatch.setattr(native, "PAYS", pays)
        monkeypatch.setattr(native, "_candidates", {})
        run = InPlace(columns(RULES[name](), 3), network, np.dtype(dtype))
        end, gradient = theta.copy(), np.empty_like(theta)
        state = run.init(end)
        run.bind(end, gradient, state)
        for t, slope in enumerate(gradients, start=1):
            gradient[...] = slope
            run.step(np.array([[0.01], [0.02], [0.03]]), np.full((3, 1), float(t)))
        assert all(c.native is not None for c in native._candidates.values()) == (pays == 0)
        ends.append(
            {"theta": end} | {f"{n} of {i}": v for i, s in enumerate(state) for n, v in s.items()}
        )
    assert_same_bits(*ends)


UNARY = {np.square, np.negative, np.positive, np.absolute, np.sqrt, np.sign}
COMPARISONS = {np.less, np.less_equal, np.greater, np.greater_equal}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "operation", operations.OPERATIONS, ids=lambda operation: operation.__name__
)
def test_an_operation_has_the_bits_of_numpy_on_special_values(operation, dtype):
    with np.errstate(all="ignore"):
        a, b = (values.ravel() for values in np.meshgrid(*[np.array(SPECIAL).astype(dtype)] * 2))
        operands = (a,) if operation in UNARY else (a, b)
        expected = operation(*operands)
    places = [Reference("leaf", "theta"), Reference("leaf", "gradient")]
    result, out = Reference("buffer", 0), Reference("leaf", "out")
    compares = operation in COMPARISONS
    calls = [Instruction(operation, tuple(places[: len(operands)]), result)]
    if compares:
        calls.append(Instruction(select, (result, *places), out))
        expected = np.where(expected, a, b)
    else:
        calls.append(Instruction(np.positive, (result,), out))
    plan = Plan(stages=[Stage(vectors=calls)], buffers=[Buffer(bool if compares else None)])
    leaves = {"theta": a[None], "gradient": b[None], "out": np.empty_like(a)[None]}

    native.Native(plan, np.dtype(dtype)).bind(leaves, {}, {}).step()

    assert_same_bits({"out": leaves["out"][0]}, {"out": expected})


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_run_has_the_bits_that_it_has_alone(monkeypatch, dtype):
    theta, gradients = problem(dtype, 3, 101)
    lr, adam = np.array([[0.01], [0.02], [0.3]]), RULES["adam"]
    together, _ = stepped(columns(adam(), 3), dtype, theta, gradients, 0, monkeypatch, lr)
    for row in range(3):
        rule = adam()
        for name in float_fields(rule):
            object.__setattr__(rule, name, float(getattr(columns(adam(), 3), name)[row, 0]))
        one = (theta[[row]], gradients[:, [row]])
        alone, _ = stepped(rule, dtype, *one, np.inf, monkeypatch, lr[[row]])
        assert_same_bits({name: values[[row]] for name, values in together.items()}, alone)


def test_a_rule_changes_over_between_two_steps(monkeypatch):
    theta, gradients = problem("float32", 2, 50, steps=9)
    expected, _ = stepped(RULES["adam"](), "float32", theta, gradients, np.inf, monkeypatch)
    actual, compiled = stepped(RULES["adam"](), "float32", theta, gradients, 5000, monkeypatch)
    assert compiled
    assert_same_bits(actual, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_sum_has_the_bits_of_numpy(dtype):
    """By a plan that sums θ up and takes the sum for every element."""
    place, out, value = Reference("leaf", "theta"), Reference("leaf", "out"), Reference("value", 0)
    sum_up = Stage(reductions=[Instruction(np.add.reduce, (place,), value)])
    spread = Stage(vectors=[Instruction(np.positive, (value,), out)])
    summed = native.Native(Plan(stages=[sum_up, spread], values=[None]), np.dtype(dtype))
    rng = np.random.default_rng(0)
    for size in [*range(1, 300), 1000, 2047, 2048, 2049, 2056, 4096, 4104, 33_333, 100_003]:
        wide = (rng.normal(size=(3, size + 5)) * 1e3).astype(dtype)
        theta, taken = wide[:, 2:-3], np.empty((3, size), dtype)
        summed.bind({"theta": theta, "out": taken}, {}, {}).step()
        for row in range(3):
            expected = np.add.reduce(theta[row].copy())
            np.testing.assert_array_equal(taken[row], expected, err_msg=f"{size=}")


def test_a_sum_in_another_order_is_not_taken(monkeypatch):
    ordered = sums.pairwise
    monkeypatch.setattr(
        sums, "pairwise", lambda real: ordered(real).replace("i64 %n, 8", "i64 %n, 5")
    )
    theta, gradients = problem("float32", 1, 20)
    expected, _ = stepped(RULES["bounded"](), "float32", theta, gradients, np.inf, monkeypatch)
    actual, compiled = stepped(RULES["bounded"](), "float32", theta, gradients, 0, monkeypatch)
    assert not compiled
    assert_same_bits(actual, expected)


@dataclass(frozen=True)
class Largest(Everything):
    """Of zeros of both signs NumPy may take either one for the largest number."""

    scope: ClassVar[Scope] = Scope.VECTOR

    def step(self, theta, gradient, state, *, lr, t):
        largest = array_namespace(theta).max(abs(gradient), axis=-1, keepdims=True)
        return theta - lr * gradient / largest, state


@dataclass(frozen=True)
class Exponential:
    """Its function has another last bit in every library."""

    lr: float = 0.1
    scope: ClassVar[Scope] = Scope.ELEMENT

    def init(self, theta):
        return {}

    def step(self, theta, gradient, state, *, lr, t):
        return theta - lr * array_namespace(theta).exp(-abs(gradient)), {}


@pytest.mark.parametrize("rule", [Exponential(), Largest()])
def test_what_is_not_exact_keeps_its_plan(monkeypatch, rule):
    theta, gradients = problem("float64", 1, 20)
    expected, _ = stepped(rule, "float64", theta, gradients, np.inf, monkeypatch)
    actual, compiled = stepped(rule, "float64", theta, gradients, 0, monkeypatch)
    assert not compiled
    assert_same_bits(actual, expected)


def test_arrays_that_are_not_contiguous_keep_the_plan(monkeypatch):
    monkeypatch.setattr(native, "PAYS", 0)
    monkeypatch.setattr(native, "_candidates", {})
    wide = np.ones((3, 20))
    run = in_place(RULES["sgd"](), "float64", 10)
    run.bind(wide[:, ::2], np.ones((3, 10)), [{}])
    for _ in range(2):
        run.step(np.full((3, 1), 0.25), np.ones((3, 1)))
    np.testing.assert_array_equal(wide[:, ::2], 0.5)
    np.testing.assert_array_equal(wide[:, 1::2], 1.0)


@pytest.mark.parametrize("pays", [0, np.inf])
@pytest.mark.parametrize("name", ["adam", "lamb", "bounded"])
def test_a_gradient_in_another_array_is_read_and_never_written(monkeypatch, name, pays):
    theta, gradients = problem("float32", 2, 40)
    expected, _ = stepped(RULES[name](), "float32", theta, gradients, pays, monkeypatch)
    run, lr = in_place(RULES[name](), "float32", 40), np.array([[0.01], [0.1]])
    given, state = gradients.copy(), run.init(theta)
    run.bind(theta, given[0], state)
    with np.errstate(all="ignore"):
        for t, slope in enumerate(given, start=1):
            run.take(slope)
            run.step(lr, np.full((2, 1), float(t)))
    slots = {slot: values.reshape(2, -1) for slot, values in state[0].items()}
    assert_same_bits({"theta": theta, **slots}, expected)
    np.testing.assert_array_equal(given, gradients)


def test_stacks_in_training_get_what_another_one_has_compiled(monkeypatch):
    monkeypatch.setattr(native, "PAYS", 3 * 40 * 1.5)
    monkeypatch.setattr(native, "_candidates", {})
    runs = [in_place(RULES["sgd"](), "float64", 40) for _ in range(2)]
    for run in runs:
        run.bind(np.ones((1, 40)), np.ones((1, 40)), [{}])
    for _ in range(3):
        for run in runs:
            run.step(np.ones((1, 1)), np.ones((1, 1)))
    (one,), (other,) = (run._groups for run in runs)
    assert len(one._calls) == len(other._calls) == 1
    assert one._native is other._native is not None


def test_what_llvm_refuses_is_said_and_runs_on_numpy(monkeypatch):
    monkeypatch.setattr(native, "assembly", lambda *_: "no language at all")
    theta, gradients = problem("float32", 1, 20)
    with pytest.warns(UserWarning, match="llvmlite cannot compile update rules"):
        actual, compiled = stepped(RULES["sgd"](), "float32", theta, gradients, 0, monkeypatch)
    expected, _ = stepped(RULES["sgd"](), "float32", theta, gradients, np.inf, monkeypatch)
    assert not compiled
    assert_same_bits(actual, expected)


def test_llvm_is_loaded_by_long_training_alone():
    code = (
        "import sys, numpy as np; from harness.inplace import InPlace; "
        "from harness.network import Network; from harness_optimizers import Sgd; "
        "network = Network((9, 1), 'relu', 0.01, False); "
        "x = np.ones((1, 9)); run = InPlace(Sgd(), network, x.dtype); run.bind(x, x.copy(), [{}]); "
        "run.step(np.ones((1, 1)), np.ones((1, 1))); print('llvmlite' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
