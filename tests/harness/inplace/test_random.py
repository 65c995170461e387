"""Random rules on a matrix, its rows, its columns and sums of these: the same bits every way."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pytest

from harness import Scope, array_namespace
from harness.inplace import machine_code, pieces
from harness.model.network import Network
from steps_in_place import assert_same_bits, columns, of_run, problem, stepped_plainly, trained

NETWORKS = [Network(sizes, "relu", 0.01, False) for sizes in ((7, 9), (1, 20), (1100, 5), (37, 61))]

# Whether there is a number for each row, and for each column
MATRIX, UNITS, INPUTS, NUMBER = (True, True), (True, False), (False, True), (False, False)
SUMS = {-1: UNITS, -2: INPUTS, (-2, -1): NUMBER}  # by axes

UNARY = [
    lambda xp, rule, lr, t, a: xp.sqrt(abs(a) + rule.share),
    lambda xp, rule, lr, t, a: a * lr - rule.share,
    lambda xp, rule, lr, t, a: -a / (t + rule.share**t),
]
BINARY = [
    lambda xp, rule, lr, t, a, b: a + b,
    lambda xp, rule, lr, t, a, b: a * b,
    lambda xp, rule, lr, t, a, b: a / (1 + abs(b)),
    lambda xp, rule, lr, t, a, b: xp.maximum(a, rule.share * b),
    lambda xp, rule, lr, t, a, b: xp.where((a > rule.share) | (b == 0), a, b),
    lambda xp, rule, lr, t, a, b: xp.where((t > 2) & (a != b), b, -a),
]


@dataclass(frozen=True)
class Random:
    """A seed draws its operations, and which of their results are θ and the state.

    operations: (function, or axes of a sum, and what it is given by number). outputs: by name.
    """

    seed: int
    lr: float = 0.1
    share: float = 0.5
    slots: dict[str, tuple[bool, bool]] = field(default_factory=dict)
    operations: list[tuple[Any, list[int]]] = field(default_factory=list)
    outputs: dict[str, int] = field(default_factory=dict)
    scope: ClassVar[Scope] = Scope.TENSOR

    def __post_init__(self):
        draw = random.Random(self.seed)
        for number in range(draw.randint(0, 4)):
            self.slots[f"s{number}"] = draw.choice([MATRIX, UNITS, INPUTS])
        kinds = [MATRIX, MATRIX, *self.slots.values()]
        for _ in range(draw.randint(3, 12)):
            first, second = draw.choices(range(len(kinds)), k=2)
            sums = [
                (axes, (kinds[first][0] and along[0], kinds[first][1] and along[1]))
                for axes, along in SUMS.items()
            ]
            sums = [(axes, left) for axes, left in sums if left != kinds[first]]
            if sums and draw.random() < 0.4:
                axes, left = draw.choice(sums)
                self.operations.append((axes, [first]))
                kinds.append(left)
            elif draw.random() < 0.3:
                self.operations.append((draw.choice(UNARY), [first]))
                kinds.append(kinds[first])
            else:
                self.operations.append((draw.choice(BINARY), [first, second]))
                pairs = zip(kinds[first], kinds[second], strict=True)
                kinds.append(tuple(a or b for a, b in pairs))
        for name, length in {"theta": MATRIX, **self.slots}.items():
            self.outputs[name] = draw.choice([n for n, own in enumerate(kinds) if own == length])

    def init(self, theta):
        xp = array_namespace(theta)
        cuts = {
            MATRIX: theta,
            UNITS: theta[..., :1],
            INPUTS: theta[..., :1, :],
        }
        return {name: xp.ones_like(cuts[length]) for name, length in self.slots.items()}

    def step(self, theta, gradient, state, *, lr, t):
        xp = array_namespace(theta)
        values = [theta, gradient, *(state[name] for name in self.slots)]
        for operation, numbers in self.operations:
            operands = [values[number] for number in numbers]
            if operation in SUMS:
                values.append(xp.sum(*operands, axis=operation, keepdims=True))
            else:
                values.append(operation(xp, self, lr, t, *operands))
        moved = values[self.outputs["theta"]]
        theta = theta - lr * moved / (1 + abs(moved))
        return theta, {name: values[self.outputs[name]] for name in self.slots}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", range(24))
def test_random_rules_have_the_same_bits_every_way(monkeypatch, seed, dtype):
    network, runs = NETWORKS[seed % len(NETWORKS)], 3
    theta, gradients = problem(dtype, runs, network.size, special=[0.0, -0.0, 1.0])
    rates = np.linspace(0.01, 0.1, runs)[:, None]
    monkeypatch.setattr(machine_code, "_candidates", {})

    def in_place(pays):
        monkeypatch.setattr(machine_code, "PAYS", pays)
        rule = columns(Random(seed), runs)
        return trained(rule, network, theta, gradients, rates)

    with np.errstate(all="ignore"):
        stack = in_place(np.inf)
        for row in range(runs):
            rule, own = of_run(Random(seed), runs, row), slice(row, row + 1)
            rate = float(rates[row, 0])
            alone = stepped_plainly(rule, network, theta[own], gradients[:, own], rate)
            assert_same_bits({name: values[own] for name, values in stack.items()}, alone)
        monkeypatch.setattr(pieces, "PIECE", 50)
        assert_same_bits(in_place(np.inf), stack)
        assert_same_bits(in_place(0), stack)
