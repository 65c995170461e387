from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from harness import Block, Scope, array_namespace, update, with_fields
from harness.model.network import Network
from harness_optimizers import Adam, harness_optimizers
from harness_torch.columns import evaluate, leaves, record, replay, symbolic
from harness_wrappers import harness_wrappers

NETWORK = Network((3, 4, 2), "relu", 0.01, True)
RULES = {
    name: rule()
    for name, rule in [*harness_optimizers().items(), *harness_wrappers().items()]
    if rule.scope is not Scope.OBJECTIVE
}
NAMES = list(RULES)


@dataclass(frozen=True)
class Unusual:
    """Functions, comparisons, powers of the rate: all operations on numbers that the contract allows."""

    lr: float = 0.1
    k: float = 0.5
    name: str = "unusual"

    scope: ClassVar[Scope] = Scope.ELEMENT

    def init(self, theta):
        return {"kept": theta * self.k}

    def step(self, theta, gradient, state, *, lr, t):
        xp = array_namespace(theta)
        late = t > 3
        rate = xp.where(late, lr, 2 * lr) + abs(-self.k) ** t - xp.exp(-t) / (1 + xp.sqrt(self.k))
        kept = xp.where(late, state["kept"], gradient) * self.k
        return xp.where(gradient > lr, theta, theta - rate * kept), {"kept": kept}


class PerTensor(Unusual):
    scope = Scope.TENSOR


RULES |= {"unusual": Unusual(), "per tensor": PerTensor()}


def columns(rule, **fields):
    columns = {name: np.array(values)[:, None] for name, values in fields.items()}
    return with_fields(rule, **columns)


def ahead(rule, runs, lr, t, dtype):
    """θ after the steps of `lr`, (S, R), from columns worked out for all of them before the first."""
    rng = np.random.default_rng(0)
    theta = torch.tensor(rng.normal(size=(runs, NETWORK.size)), dtype=dtype)
    block = Block(slice(0, runs), rule)
    materialized = record(rule, NETWORK, dtype)
    values = evaluate(materialized, leaves(block, lr, t), dtype)
    assert values.shape == (len(lr), len(materialized), runs)
    plain = update.with_columns(rule, torch.tensor)
    state = update.initial_state(Block(block.rows, plain), theta, NETWORK)
    for now in values:
        gradient = torch.tensor(rng.normal(size=(runs, NETWORK.size)), dtype=dtype)
        written, rate, number = symbolic(rule, replay(materialized, now))
        update.apply(Block(slice(None), written), theta, gradient, state, rate, number, NETWORK)
    return theta.numpy()


def with_floats(rule, lr, t, dtype):
    """The same for one run, as the rule is written: with Python floats."""
    rng = np.random.default_rng(0)
    theta = torch.tensor(rng.normal(size=(1, NETWORK.size)), dtype=dtype)
    block = Block(slice(0, 1), rule)
    state = update.initial_state(block, theta, NETWORK)
    for number, rate in enumerate(lr[:, 0]):
        gradient = torch.tensor(rng.normal(size=(1, NETWORK.size)), dtype=dtype)
        update.apply(block, theta, gradient, state, float(rate), float(t[0, 0]) + number, NETWORK)
    return theta.numpy()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 3e-7), ("float64", 1e-14)])
def test_numbers_ahead_are_those_of_python_floats(name, dtype, tolerance):
    dtype, lr, t = getattr(torch, dtype), np.linspace(0.1, 0.2, 8)[:, None], np.array([[2.0]])

    expected = with_floats(RULES[name], lr, t, dtype)
    actual = ahead(RULES[name], 1, lr, t, dtype)

    assert np.linalg.norm(actual - expected) / np.linalg.norm(expected) < tolerance


def test_powers_of_a_rate_are_taken_in_double_precision():
    """In float32, 1 − β₂ᵗ of the first steps is off by 3e-5."""
    block = Block(slice(0, 2), columns(Adam(), beta2=[0.999, 0.9999]))
    lr, t = np.full((3, 2), 0.1), np.array([[1.0], [7.0]])

    values = evaluate(
        record(block.rule, NETWORK, torch.float32), leaves(block, lr, t), torch.float32
    )

    beta2 = np.array([0.999, 0.9999])
    for step in range(3):
        scale = np.sqrt(1 - beta2 ** (t[:, 0] + step))
        actual = values[step].numpy().astype(float)
        assert np.abs(actual / (1e-8 * scale) - 1).max(axis=1).min() < 1e-7


@pytest.mark.parametrize("rule", [Unusual, PerTensor])
def test_functions_and_conditions_see_the_numbers_of_each_run(rule):
    lr, t, ks = np.array([[0.1, 0.3]] * 5), np.array([[1.0], [3.0]]), [0.5, 0.8]

    actual = ahead(columns(rule(), k=ks), 2, lr, t, torch.float64)

    rng = np.random.default_rng(0)
    theta = rng.normal(size=(2, NETWORK.size))
    kept = theta * np.array(ks)[:, None]
    for step in range(5):
        gradient = rng.normal(size=theta.shape)
        for r, k in enumerate(ks):
            number, eta = t[r, 0] + step, lr[step, r]
            rate = (eta if number > 3 else 2 * eta) + k**number - np.exp(-number) / (1 + np.sqrt(k))
            kept[r] = (kept[r] if number > 3 else gradient[r]) * k
            theta[r] = np.where(gradient[r] > eta, theta[r], theta[r] - rate * kept[r])
    np.testing.assert_allclose(actual, theta, rtol=1e-13, atol=1e-15)


def test_other_values_meet_tensors_in_the_same_places():
    alike = record(Adam(), NETWORK, torch.float64)
    differing = record(columns(Adam(), beta1=[0.1, 0.2], eps=[1e-3, 1e-4]), NETWORK, torch.float64)

    assert len(alike) == len(differing) == 6


class Branching(Unusual):
    def step(self, theta, gradient, state, *, lr, t):
        return (theta - lr * gradient if t > 3 else theta), state


def test_a_rule_that_branches_on_a_number_cannot_be_recorded():
    with pytest.raises(TypeError, match="must not branch"):
        record(Branching(), NETWORK, torch.float64)


class Looking(Unusual):
    def step(self, theta, gradient, state, *, lr, t):
        return theta - lr * gradient / float(gradient.max()), state


def test_a_rule_that_waits_for_a_value_cannot_be_recorded():
    with pytest.raises((RuntimeError, NotImplementedError)):
        record(Looking(), NETWORK, torch.float64)
