from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

from harness import Block, Scope, array_namespace, with_fields
from harness.model.network import Network
from harness.update.scopes import apply, evaluated, initial_state, select, with_columns

NETWORK = Network((3, 4, 2), "relu", 0.01, True)


def tensor(array):
    return pytest.importorskip("torch", reason="PyTorch is not installed").tensor(array)


KINDS = {"numpy": np.array, "torch": tensor}
kinds = pytest.mark.parametrize("kind", list(KINDS))


@dataclass(frozen=True)
class Momentum:
    """A rule with a float field and a slot."""

    lr: float = 0.1
    alpha: float = 0.9
    scope: ClassVar[Scope] = Scope.ELEMENT

    def init(self, theta):
        return {"v": array_namespace(theta).zeros_like(theta)}

    def step(self, theta, gradient, state, *, lr, t):
        v = self.alpha * state["v"] + gradient
        return theta - lr * v / t, {"v": v}


@dataclass(frozen=True)
class WholeMomentum(Momentum):
    scope: ClassVar[Scope] = Scope.VECTOR


@dataclass(frozen=True)
class Normalised(Momentum):
    """Each parameter moves by the same norm: it must see every parameter by itself."""

    scope: ClassVar[Scope] = Scope.TENSOR

    def step(self, theta, gradient, state, *, lr, t):
        xp = array_namespace(theta)
        inner = tuple(range(1, theta.ndim))
        length = xp.sqrt(xp.sum(gradient * gradient, axis=inner, keepdims=True))
        v = self.alpha * state["v"] + gradient / length
        return theta - lr * v, {"v": v}


@dataclass(frozen=True)
class Hoarder:
    """Keeps θ and gradients as they were handed to it."""

    lr: float = 0.1
    scope: ClassVar[Scope] = Scope.ELEMENT

    def init(self, theta):
        return {"first": theta, "previous": theta}

    def step(self, theta, gradient, state, *, lr, t):
        return theta - lr * gradient, {"first": state["first"], "previous": gradient}


def arrays(runs, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, runs, NETWORK.size))


def steps(block, theta, gradient, lr, kind, count=3):
    convert = KINDS[kind]
    theta, gradient, lr = convert(theta), convert(gradient), lr if np.isscalar(lr) else convert(lr)
    block = Block(block.rows, with_columns(block.rule, convert))
    state = initial_state(block, theta, NETWORK)
    for t in range(1, count + 1):
        apply(block, theta, gradient, state, lr, t, NETWORK)
    return np.asarray(theta), state


@kinds
@pytest.mark.parametrize("rule", [Momentum(), WholeMomentum()])
def test_a_rule_on_the_vector_follows_its_formula(rule, kind):
    theta, gradient = arrays(3)
    expected, v = theta.copy(), 0
    for t in (1, 2, 3):
        v = 0.9 * v + gradient
        expected -= 0.5 * v / t

    actual, state = steps(Block(slice(0, 3), rule), theta, gradient, 0.5, kind)

    np.testing.assert_allclose(actual, expected, rtol=1e-13)
    np.testing.assert_allclose(np.asarray(state[0]["v"]), v, rtol=1e-13)


@kinds
def test_a_tensor_rule_moves_every_parameter_by_its_own_norm(kind):
    theta, gradient = arrays(3)

    actual, state = steps(Block(slice(0, 3), Normalised()), theta, gradient, 0.5, kind, count=1)

    moved = actual - theta
    for parameter, slots in zip(NETWORK.parameters, state, strict=True):
        part = moved[:, parameter.start : parameter.stop]
        np.testing.assert_allclose(np.linalg.norm(part, axis=1), 0.5, rtol=1e-12)
        assert tuple(slots["v"].shape) == (3, *parameter.shape)


@dataclass(frozen=True)
class Chooses(Normalised):
    """Leaves biases to momentum, and the output layer at where it is."""

    def for_parameter(self, layer, shape):
        if layer.index == layer.depth - 1:
            return replace(self, lr=0.0, alpha=0.0)
        return self if len(shape) == 2 else WholeMomentum(alpha=self.alpha)


@kinds
def test_a_tensor_rule_may_choose_another_for_some_parameters(kind):
    theta, gradient = arrays(3)

    moved = steps(Block(slice(0, 3), Chooses()), theta, gradient, 0.5, kind, count=1)[0] - theta

    weights, bias, *_ = (slice(p.start, p.stop) for p in NETWORK.parameters)
    np.testing.assert_allclose(np.linalg.norm(moved[:, weights], axis=1), 0.5, rtol=1e-12)
    np.testing.assert_allclose(moved[:, bias], -0.5 * gradient[:, bias], rtol=1e-12)


@dataclass(frozen=True)
class Judged(Momentum):
    """To be judged ahead, where the velocity leads."""

    def evaluated(self, theta, state):
        return theta - self.alpha * state["v"]


@dataclass(frozen=True)
class JudgedByTensor(Judged):
    scope: ClassVar[Scope] = Scope.TENSOR


@kinds
@pytest.mark.parametrize("rule", [Judged(), JudgedByTensor()])
def test_runs_are_judged_where_their_rules_say(rule, kind):
    theta, gradient = map(KINDS[kind], arrays(5))
    alphas = np.array([[0.5], [0.7], [0.9]])
    blocks = [
        Block(slice(0, 2), Momentum()),
        Block(slice(2, 5), with_columns(replace(rule, alpha=0), lambda _: alphas)),
    ]
    state = [initial_state(block, theta, NETWORK) for block in blocks]
    for block, slots in zip(blocks, state, strict=True):
        placed = Block(block.rows, with_columns(block.rule, KINDS[kind]))
        apply(placed, theta, gradient, slots, 0.1, 1, NETWORK)

    point = np.asarray(evaluated(blocks, theta, state, NETWORK, KINDS[kind]))

    theta, gradient = np.asarray(theta), np.asarray(gradient)
    np.testing.assert_array_equal(point[:2], theta[:2])
    np.testing.assert_allclose(point[2:], theta[2:] - alphas * gradient[2:], rtol=1e-14)


def test_without_such_a_rule_runs_are_judged_at_theta_itself():
    theta, _ = arrays(2)
    block = Block(slice(0, 2), Momentum())
    state = [initial_state(block, theta, NETWORK)]
    assert evaluated([block], theta, state, NETWORK, np.array) is theta


@kinds
@pytest.mark.parametrize("rule", [Momentum(), WholeMomentum(), Normalised()])
def test_runs_of_a_block_step_as_they_do_alone(rule, kind):
    theta, gradient = arrays(3)
    alphas, lrs = np.array([[0.0], [0.5], [0.9]]), np.array([[0.1], [0.2], [0.4]])
    rule = with_fields(rule, alpha=alphas)

    together, _ = steps(Block(slice(0, 3), rule), theta, gradient, lrs, kind)

    for r in range(3):
        one = type(rule)(alpha=float(alphas[r, 0]))
        alone, _ = steps(Block(slice(0, 1), one), theta[[r]], gradient[[r]], lrs[[r]], kind)
        np.testing.assert_allclose(together[[r]], alone, rtol=1e-14)


@kinds
def test_a_block_touches_its_own_rows_alone(kind):
    theta, gradient = arrays(4)
    lrs = np.array([[0.1], [0.2], [0.4], [0.8]])

    actual, state = steps(Block(slice(1, 3), Momentum()), theta, gradient, lrs, kind, count=1)

    np.testing.assert_array_equal(actual[[0, 3]], theta[[0, 3]])
    np.testing.assert_allclose(actual[1:3], (theta - lrs * gradient)[1:3], rtol=1e-14)
    assert tuple(state[0]["v"].shape) == (2, NETWORK.size)


@kinds
def test_a_rule_may_keep_what_it_is_given(kind):
    convert = KINDS[kind]
    start, slope = arrays(2)
    theta, gradient = convert(start), convert(slope)
    block = Block(slice(0, 2), Hoarder())
    state = initial_state(block, theta, NETWORK)

    apply(block, theta, gradient, state, 0.1, 1, NETWORK)
    gradient[...] = 0.0  # as the next step of a program would

    np.testing.assert_array_equal(np.asarray(state[0]["first"]), start)
    np.testing.assert_array_equal(np.asarray(state[0]["previous"]), slope)


@kinds
@pytest.mark.parametrize("rows", [np.array([True, False, True]), np.array([0, 2])])
def test_the_state_of_the_runs_that_stay(rows, kind):
    theta, gradient = arrays(3)
    _, state = steps(Block(slice(0, 3), Normalised()), theta, gradient, 0.1, kind)

    selected = select([state, []], rows)

    assert selected[1] == []
    for before, after in zip(state, selected[0], strict=True):
        np.testing.assert_array_equal(np.asarray(before["v"])[[0, 2]], np.asarray(after["v"]))


@dataclass(frozen=True)
class Handing:
    """Remembers where it was, and where it was before that; nothing of it is computed."""

    lr: float = 0.1
    scope: ClassVar = Scope.VECTOR

    def init(self, theta):
        xp = array_namespace(theta)
        return {"before": xp.zeros_like(theta), "last": xp.zeros_like(theta)}

    def step(self, theta, gradient, state, *, lr, t):
        return theta - lr * gradient, {"before": state["last"], "last": theta}


@kinds
def test_what_a_rule_hands_on_is_read_before_it_is_written_over(kind):
    theta, gradient = (KINDS[kind](np.full((2, NETWORK.size), value)) for value in (1.0, 2.0))
    block = Block(slice(0, 2), Handing())
    state = initial_state(block, theta, NETWORK)
    for t in (1, 2):
        apply(block, theta, gradient, state, 0.1, t, NETWORK)

    for values, expected in ((theta, 0.6), (state[0]["last"], 0.8), (state[0]["before"], 1.0)):
        np.testing.assert_allclose(np.asarray(values), expected)
