from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from harness import Block, Scope, float_fields, with_fields
from harness.model.network import Network
from harness.testing.fixtures.update_rules import Bounded
from harness.update.scopes import select
from harness_optimizers import Adam, AdamW, HeavyBall, Lamb, Sgd
from harness_torch import Torch, updater

NETWORK = Network((3, 5, 2), "relu", 0.01, True)
BACKEND = Torch(dtype="float64", device="cpu")
OF_TORCH = {
    "sgd": (Sgd(), torch.optim.SGD),
    "adam": (Adam(), torch.optim.Adam),
    "adamw": (AdamW(), torch.optim.AdamW),
}


def columns(rule, **fields):
    """A rule as the core makes it for runs that differ: with (rows, 1) fields."""
    assert set(fields) <= set(float_fields(rule))
    columns = {name: np.array(values)[:, None] for name, values in fields.items()}
    return with_fields(rule, **columns)


def slopes(runs, steps=5, size=NETWORK.size):
    return np.random.default_rng(1).normal(size=(steps, runs, size))


def start(runs, size=NETWORK.size):
    return np.random.default_rng(0).normal(size=(runs, size))


def run(blocks, theta, gradients, lrs, backend=BACKEND, network=NETWORK):
    update = backend.updater(blocks, network)
    theta = backend.to_device(theta)
    state = update.init(theta)
    for t, gradient in enumerate(gradients, start=1):
        theta, state = update(theta, backend.to_device(gradient), state, lrs, np.full_like(lrs, t))
    return backend.to_host(theta), state


@pytest.mark.parametrize("name", OF_TORCH)
def test_steps_are_those_of_torch_optim(name):
    rule, optimizer = OF_TORCH[name]
    gradients, lrs = slopes(2), np.array([[0.1], [0.02]])

    actual, _ = run([Block(slice(0, 2), rule)], start(2), gradients, lrs)

    for r in range(2):
        parameter = torch.nn.Parameter(torch.tensor(start(2)[r]))
        reference = optimizer([parameter], lr=float(lrs[r, 0]))
        for gradient in gradients:
            parameter.grad = torch.tensor(gradient[r])
            reference.step()
        np.testing.assert_allclose(actual[r], parameter.detach().numpy(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("piece", [1, 7, 64, 10**6])
def test_a_stack_of_different_runs_steps_as_the_runs_alone(monkeypatch, piece):
    monkeypatch.setattr(updater, "PIECE", piece)
    betas, momenta, lrs = [0.9, 0.5, 0.0], [0.9, 0.1], np.array([[0.1], [0.2], [0.3], [0.4], [0.5]])
    blocks = [
        Block(slice(0, 3), columns(Adam(), beta1=betas)),
        Block(slice(3, 5), columns(HeavyBall(), momentum=momenta)),
    ]
    rules = [Adam(beta1=b) for b in betas] + [HeavyBall(momentum=a) for a in momenta]
    gradients = slopes(5)

    together, _ = run(blocks, start(5), gradients, lrs)

    monkeypatch.undo()
    for r, rule in enumerate(rules):
        alone, _ = run([Block(slice(0, 1), rule)], start(5)[[r]], gradients[:, [r]], lrs[[r]])
        np.testing.assert_allclose(together[[r]], alone, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-6), ("float64", 1e-14)])
def test_runs_at_different_steps_and_rates_step_as_alone(dtype, tolerance):
    backend = Torch(dtype=dtype, device="cpu")
    rule, lr, t = columns(Adam(), beta2=[0.999, 0.99]), [[0.1], [0.2]], [[1.0], [100.0]]
    gradients = slopes(2, steps=20)

    def train(rule, rows):
        update = backend.updater([Block(slice(0, len(rows)), rule)], NETWORK)
        theta = backend.to_device(start(2)[rows])
        state = update.init(theta)
        for step, gradient in enumerate(gradients):
            now = np.array(t)[rows] + step
            slope = backend.to_device(gradient[rows])
            theta, state = update(theta, slope, state, np.array(lr)[rows], now)
        return backend.to_host(theta)

    together = train(rule, [0, 1])

    for r, beta2 in enumerate([0.999, 0.99]):
        alone = train(Adam(beta2=beta2), [r])
        error = np.linalg.norm(together[[r]] - alone) / np.linalg.norm(alone)
        assert error < tolerance


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_rule_has_the_bits_that_it_has_on_numpy(registry, dtype):
    blocks = [
        Block(slice(0, 3), columns(Adam(), beta1=[0.9, 0.5, 0.0])),
        Block(slice(3, 5), HeavyBall()),
        Block(slice(5, 7), columns(Lamb(), weight_decay=[0.1, 0.01])),
        Block(slice(7, 8), Bounded()),
    ]
    gradients, lrs = slopes(8, steps=20), np.linspace(0.1, 0.8, 8)[:, None]
    ours = Torch(dtype=dtype, device="cpu")
    numpy = registry.component("backend", "numpy")(dtype=dtype)

    actual, _ = run(blocks, start(8), gradients, lrs, ours)

    expected, _ = run(blocks, start(8), gradients, lrs, numpy)
    np.testing.assert_array_equal(actual, expected)


def test_the_size_of_the_pieces_changes_no_bit(monkeypatch):
    blocks, gradients = [Block(slice(0, 4), Adam())], slopes(4)
    whole, _ = run(blocks, start(4), gradients, np.full((4, 1), 0.1))
    monkeypatch.setattr(updater, "PIECE", 11)

    pieces, _ = run(blocks, start(4), gradients, np.full((4, 1), 0.1))

    np.testing.assert_array_equal(whole, pieces)


@dataclass(frozen=True)
class Watcher(Sgd):
    """Gradient descent that records the shapes of its arguments."""

    lr: float = 0.1
    shapes: ClassVar[list[tuple[int, ...]]] = []

    def step(self, theta, gradient, state, *, lr, t):
        self.shapes.append(tuple(theta.shape))
        return super().step(theta, gradient, state, lr=lr, t=t)


class Vector(Watcher):
    scope = Scope.VECTOR


class Tensor(Watcher):
    scope = Scope.TENSOR


@pytest.mark.parametrize(
    ("rule", "piece", "shapes"),
    [
        (Watcher(), 10**6, [(3, 32)]),
        (Watcher(), 70, [(2, 32), (1, 32)]),
        (Watcher(), 20, [(1, 16)] * 6),
        (Vector(), 20, [(3, 32)]),
        (Tensor(), 20, [(3, 5, 3), (3, 5), (3, 2, 5), (3, 2)]),
    ],
)
def test_only_elementwise_rules_see_pieces(monkeypatch, rule, piece, shapes):
    monkeypatch.setattr(updater, "PIECE", piece)
    monkeypatch.setattr(updater.inplace, "in_place", lambda *_: None)  # as on other devices
    monkeypatch.setattr(Watcher, "shapes", [])

    actual, _ = run([Block(slice(0, 3), rule)], start(3), slopes(3, steps=1), np.full((3, 1), 0.1))

    assert shapes == Watcher.shapes
    np.testing.assert_allclose(actual, start(3) - 0.1 * slopes(3, steps=1)[0], rtol=1e-13)


def test_the_state_goes_on_when_runs_leave():
    gradients, lrs = slopes(3, steps=6), np.full((3, 1), 0.1)
    whole, _ = run([Block(slice(0, 3), Adam())], start(3), gradients, lrs)
    stay = np.array([True, False, True])

    theta, state = run([Block(slice(0, 3), Adam())], start(3), gradients[:3], lrs)
    theta, state = BACKEND.to_device(theta[stay]), [select(states, stay) for states in state]
    update = BACKEND.updater([Block(slice(0, 2), Adam())], NETWORK)
    for t in (4, 5, 6):
        gradient = BACKEND.to_device(gradients[t - 1][stay])
        theta, state = update(theta, gradient, state, lrs[:2], np.full((2, 1), t))

    np.testing.assert_allclose(BACKEND.to_host(theta), whole[stay], rtol=1e-12)


def test_fields_that_differ_take_the_precision_of_the_parameters():
    backend = Torch(dtype="float32", device="cpu")
    blocks = [Block(slice(0, 2), columns(Adam(), beta1=[0.9, 0.5]))]

    theta, state = run(blocks, start(2), slopes(2), np.array([[0.1], [0.2]]), backend)

    assert theta.dtype == np.float32
    assert {slot.dtype for slot in state[0][0].values()} == {torch.float32}


def test_the_rule_of_a_block_stays_as_it_was():
    rule = columns(Adam(), beta1=[0.9, 0.5])

    run([Block(slice(0, 2), rule)], start(2), slopes(2), np.full((2, 1), 0.1))

    assert isinstance(rule.beta1, np.ndarray)
