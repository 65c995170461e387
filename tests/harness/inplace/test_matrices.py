"""Rules that tell rows and columns of a matrix apart: in place, compiled, as written, and in stacks."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import ClassVar

import numpy as np
import pytest

from harness import Scope, array_namespace
from harness.inplace import InPlace, in_place, machine_code, pieces
from harness.model.network import Network
from steps_in_place import (
    RULES,
    assert_same_bits,
    columns,
    named,
    of_run,
    problem,
    stepped_plainly,
    trained,
)

OF_ROWS = {"axis": -1, "keepdims": True}
OF_COLUMNS = {"axis": -2, "keepdims": True}


@dataclass(frozen=True)
class Crossed:
    """Sums along both axes, means and sums of these, an outer product, and states of all lengths."""

    lr: float = 0.1
    share: float = 0.5
    scope: ClassVar[Scope] = Scope.TENSOR

    def init(self, theta):
        xp = array_namespace(theta)
        if theta.ndim == 2:
            return {"whole": xp.zeros_like(theta)}
        return {
            "columns": xp.zeros_like(theta[..., :1, :]),
            "rows": xp.ones_like(theta[..., :1]),
            "whole": xp.zeros_like(theta),
        }

    def step(self, theta, gradient, state, *, lr, t):
        xp = array_namespace(theta)
        whole = state["whole"] + self.share * gradient
        if theta.ndim == 2:
            return theta - lr * whole, {"whole": whole}
        rows = xp.sum(gradient * gradient, **OF_ROWS)
        columns = state["columns"] + self.share * (xp.mean(whole, **OF_COLUMNS) - state["columns"])
        scaled = rows / (xp.mean(rows, **OF_COLUMNS) + self.share)
        outer = xp.sqrt(scaled) * abs(columns) + state["rows"] / (
            1 + xp.sum(columns, **OF_ROWS) ** 2
        )
        moved = whole / (outer + t)  # summed up along both axes next
        lengths = xp.sqrt(xp.sum(moved * moved, **OF_ROWS))
        peak = xp.where(lengths > self.share, lengths, 0 * lengths + 1.0)
        drift = xp.sum(moved * state["rows"], **OF_COLUMNS)
        return theta - lr * self.bounded(moved) / peak + drift * 0.01, {
            "columns": columns,
            "rows": state["rows"] + scaled * lr,
            "whole": whole,
        }

    def bounded(self, moved):
        return moved


class AtOnce(Crossed):
    """Sums of rows and of all in one traversal, which has no machine code."""

    def bounded(self, moved):
        xp = array_namespace(moved)
        length = xp.sum(moved * moved, axis=(-2, -1), keepdims=True)
        return moved * xp.exp(-xp.sum(abs(moved), **OF_ROWS)) / (1 + length)


class Chosen(Crossed):
    """Largest numbers of rows and columns, and carried truth values: they have no machine code."""

    def bounded(self, moved):
        xp = array_namespace(moved)
        large = xp.max(abs(moved), **OF_ROWS) > self.share
        within = moved / (1 + xp.max(abs(moved), **OF_COLUMNS) - xp.min(moved, **OF_COLUMNS))
        return xp.where(large & (moved != 0), within, moved)


@dataclass(frozen=True)
class Swapped(Crossed):
    """Slots that become other slots after θ has read them, and sums that scale them."""

    def init(self, theta):
        xp = array_namespace(theta)
        if theta.ndim == 2:
            return {"whole": xp.zeros_like(theta)}
        return super().init(theta) | {
            "other": xp.zeros_like(theta),
            "scales": xp.ones_like(theta[..., :1, :]),
        }

    def step(self, theta, gradient, state, *, lr, t):
        xp = array_namespace(theta)
        if theta.ndim == 2:
            return theta - lr * gradient, {"whole": gradient}
        rows = xp.sum(state["whole"], **OF_ROWS)
        moved = gradient * state["rows"] / (1 + abs(rows)) + state["columns"]
        return theta - lr * moved, {
            "columns": xp.sum(gradient, **OF_COLUMNS),
            "rows": rows,
            "whole": state["other"],
            "other": state["whole"] + theta,
            "scales": xp.sum(state["scales"] * gradient, **OF_COLUMNS),
        }


MATRICES = {
    "crossed": Crossed,
    "at once": AtOnce,
    "chosen": Chosen,
    "swapped": Swapped,
    "adafactor": RULES["adafactor"],
    "clip_adaptive": RULES["clip_adaptive"],
}
WITHOUT_LOOPS = {"at once", "chosen"}
NETWORKS = {
    "wide and narrow": Network((50, 60, 3), "relu", 0.01, True),
    "one output": Network((7, 9, 1), "relu", 0.01, False),
    "one input": Network((1, 20, 2), "relu", 0.01, True),
    "one of each": Network((1, 1), "relu", 0.01, True),
    "rows longer than a strip": Network((1100, 5), "relu", 0.01, False),
}
BITS = pytest.mark.parametrize("dtype", ["float32", "float64"])


RATES = np.linspace(0.01, 0.1, 5)[:, None]


def sample(dtype, runs, network, steps=4):
    return problem(dtype, runs, network.size, steps, special=[0.0, -0.0, 1.0])


@BITS
@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("name", MATRICES)
def test_plans_have_the_bits_of_the_rule(monkeypatch, name, network, dtype):
    """In pieces of several rows, of one, and of a part of a stack."""
    monkeypatch.setattr(machine_code, "PAYS", np.inf)
    theta, gradients = sample(dtype, 1, network)
    rule = MATRICES[name]()
    expected = stepped_plainly(rule, network, theta, gradients, 0.01)
    for piece in (pieces.PIECE, 200, 1):
        monkeypatch.setattr(pieces, "PIECE", piece)
        assert_same_bits(trained(rule, network, theta, gradients, RATES[:1]), expected)


@BITS
@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("name", MATRICES)
def test_runs_have_the_bits_that_they_have_alone(monkeypatch, name, network, dtype):
    monkeypatch.setattr(machine_code, "PAYS", np.inf)
    theta, gradients = sample(dtype, 5, network)
    monkeypatch.setattr(pieces, "PIECE", 2 * network.size)
    together = trained(columns(MATRICES[name](), 5), network, theta, gradients, RATES)
    for row in range(5):
        own, rule = slice(row, row + 1), of_run(MATRICES[name](), 5, row)
        alone = trained(rule, network, theta[own], gradients[:, own], RATES[own])
        assert_same_bits(alone, {name: array[own] for name, array in together.items()})


@pytest.mark.skipif(find_spec("llvmlite") is None, reason="llvmlite is not installed")
@BITS
@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("name", MATRICES)
def test_loops_have_the_bits_of_the_plan(monkeypatch, name, network, dtype):
    theta, gradients = sample(dtype, 3, network)
    ends, compiled = [], []
    for pays in (np.inf, 0):
        monkeypatch.setattr(machine_code, "PAYS", pays)
        monkeypatch.setattr(machine_code, "_candidates", {})
        rule = columns(MATRICES[name](), 3)
        ends.append(trained(rule, network, theta, gradients, RATES[:3]))
        compiled.append([c.code is not None for c in machine_code._candidates.values()])
    assert not any(compiled[0])
    assert all(compiled[1]) != (name in WITHOUT_LOOPS)
    assert np.isfinite(ends[0]["theta"]).all()
    assert_same_bits(ends[1], ends[0])


@pytest.mark.parametrize("pays", [np.inf, 0])
@pytest.mark.parametrize("name", MATRICES)
def test_gradients_come_in_other_arrays(monkeypatch, name, pays):
    """Side by side, and with gaps, where the plan replaces machine code."""
    monkeypatch.setattr(machine_code, "PAYS", pays)
    monkeypatch.setattr(machine_code, "_candidates", {})
    network = NETWORKS["wide and narrow"]
    theta, gradients = sample("float32", 3, network)
    expected = trained(MATRICES[name](), network, theta, gradients, RATES[:3])
    rule, kept = InPlace(MATRICES[name](), network, np.dtype("float32")), gradients.copy()
    state = rule.init(theta)
    rule.bind(theta, gradients[0], state)
    for t, slope in enumerate(gradients, start=1):
        rule.set_gradient(np.repeat(slope, 2, axis=1)[:, ::2] if t % 2 else slope)
        rule.step(RATES[:3], np.full((3, 1), float(t)))
    assert_same_bits(named(theta, state), expected)
    np.testing.assert_array_equal(gradients, kept)


def lengths(xp, x):
    return xp.reshape(xp.sum(x * x, axis=-1), (x.shape[0], 1, x.shape[1]))


NOT_TRACED = {
    "rows of another matrix": lambda xp, x: xp.sum(
        xp.sum(xp.reshape(x, (x.shape[0], 2, -1)), **OF_ROWS), **OF_COLUMNS
    ),
    "rows laid along columns": lambda xp, x: lengths(xp, x) * x,
    "rows beside columns": lambda xp, x: lengths(xp, x) + xp.sum(x, **OF_COLUMNS),
    "a sum along an axis that is gone": lambda xp, x: xp.sum(xp.sum(x, **OF_ROWS), **OF_ROWS),
    "a sum over the runs": lambda xp, x: xp.sum(x, axis=(0, 1), keepdims=True),
    "truth values of rows": lambda xp, x: xp.sum(x > 0, **OF_ROWS),
}


@pytest.mark.parametrize("what", NOT_TRACED)
def test_what_could_mistake_rows_for_columns_is_not_traced(what):
    """On a square matrix, where the shapes alone would let it pass."""

    @dataclass(frozen=True)
    class Rule(Crossed):
        def init(self, theta):
            return {}

        def step(self, theta, gradient, state, *, lr, t):
            if theta.ndim == 2:
                return theta - lr * gradient, {}
            return theta - lr * NOT_TRACED[what](array_namespace(theta), gradient), {}

    network = Network((4, 4), "relu", 0.01, True)
    assert in_place(Rule(), network, np.dtype("float32")) is None
    assert in_place(Crossed(), network, np.dtype("float32")) is not None


def test_a_state_of_another_shape_is_not_traced():
    @dataclass(frozen=True)
    class Rule(Crossed):
        def init(self, theta):
            return {"whole": theta[..., :2]}

    class ByLength(Crossed):
        def init(self, theta):
            return {
                **super().init(theta),
                "whole": theta[..., : 1 if theta.shape[-1] > 20 else None],
            }

    for rule in (Rule(), ByLength()):
        assert in_place(rule, NETWORKS["wide and narrow"], np.dtype("float32")) is None


def test_sums_in_another_order_are_not_taken(monkeypatch):
    """NumPy promises no order."""

    def backwards(order):
        return lambda x, *how, **more: order(np.flip(x, how[0]) if how else x, *how, **more)

    class Add:
        reduce = staticmethod(backwards(np.add.reduce))

    class Numpy:
        add = Add

        def __getattr__(self, name):
            return getattr(np, name)

    machine_code._check_sums_of_matrices(np.dtype("float32"))
    monkeypatch.setattr(machine_code, "np", Numpy())
    with pytest.raises(machine_code.NotExact, match="rows and columns"):
        machine_code._check_sums_of_matrices(np.dtype("float32"))
