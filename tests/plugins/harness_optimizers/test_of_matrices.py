"""The rules that see a whole parameter: against other implementations, and their papers' recursions."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from harness import update
from harness.backends import Block
from harness.model.network import Network
from harness_optimizers import Adafactor, AdamW, Lamb, Lars, Muon, Shampoo

SHAPES = [(4, 3), (3, 5), (4,)]
shapes = st.sampled_from(SHAPES)
momenta = st.floats(0.0, 0.95)
some = settings(deadline=None, max_examples=4)


def start(shape: tuple[int, ...]) -> np.ndarray:
    return np.linspace(-2.0, 2.5, int(np.prod(shape))).reshape(shape)


def gradient(theta: np.ndarray) -> np.ndarray:
    """Of a function with many valleys, as in test_optimizers_against_torch.py."""
    sides = np.roll(theta, 1, -1) + np.roll(theta, -1, -1)
    return np.sin(3 * theta) + theta**3 / 10 + sides / 10


def rate(base: float, t: int) -> float:
    return base * (1 + 0.5 * np.sin(t))


def assert_same(
    rule: Any,
    shape: tuple[int, ...],
    other: Callable[[np.ndarray, np.ndarray, float, int], np.ndarray],
    rtol: float = 1e-10,
    steps: int = 50,
) -> None:
    """Both see the gradients along the other one's path. other: θ, gradient, rate, t to θ."""
    theta = start(shape)
    mine, state = theta[None], rule.init(theta[None])
    for t in range(1, steps + 1):
        g = gradient(theta)
        mine, state = rule.step(mine, g[None], state, lr=rate(rule.lr, t), t=t)
        theta = other(theta, g, rate(rule.lr, t), t)
        np.testing.assert_allclose(mine[0], theta, rtol=rtol, atol=rtol, err_msg=f"{t=}")


class OfTorch:
    """A PyTorch optimizer as a function of θ."""

    def __init__(self, build: Callable[[list[Any]], Any], shape: tuple[int, ...]) -> None:
        self.torch = pytest.importorskip("torch")
        self.tensor = self.torch.tensor(start(shape), requires_grad=True)
        self.optimizer = build([self.tensor])

    def __call__(self, theta: np.ndarray, g: np.ndarray, lr: float, t: int) -> np.ndarray:
        self.optimizer.param_groups[0]["lr"] = lr
        self.tensor.grad = self.torch.from_numpy(g.copy())
        self.optimizer.step()
        return self.tensor.detach().numpy().copy()


@some
@given(
    shape=shapes,
    lr=st.floats(1e-3, 1),
    decay=st.floats(0.3, 1),
    eps2=st.floats(1e-4, 1),
    clip=st.floats(1, 3),
)
def test_adafactor(shape: Any, lr: float, decay: float, eps2: float, clip: float) -> None:
    torch = pytest.importorskip("torch")
    settings = {"lr": lr, "beta2_decay": -decay, "eps": (1e-30, eps2), "d": clip}
    other = OfTorch(partial(torch.optim.Adafactor, **settings), shape)
    assert_same(Adafactor(lr=lr, decay=decay, eps2=eps2, clip=clip), shape, other)


@some
@given(
    shape=shapes,
    lr=st.floats(1e-3, 0.1),  # a bias has no ratio, and diverges at larger ones
    momentum=st.floats(0.01, 0.95),
    trust=st.floats(1e-3, 0.1),
    decay=st.floats(0, 1),
)
def test_lars(shape: Any, lr: float, momentum: float, trust: float, decay: float) -> None:
    others = pytest.importorskip("pytorch_optimizer")
    named = {"momentum": momentum, "trust_coefficient": trust, "weight_decay": decay}
    other = OfTorch(partial(others.LARS, lr=lr, **named), shape)
    assert_same(Lars(lr, momentum, trust, decay), shape, other)


def test_lars_is_its_algorithm_at_a_constant_rate() -> None:
    """You et al. 2017, Algorithm 1, where the rate is in the velocity."""
    gamma, mu, eta, beta = 0.3, 0.8, 0.05, 0.1
    w, v = start((4, 3)), np.zeros((4, 3))
    rule = Lars(gamma, mu, eta, beta)
    theta, state = w[None], rule.init(w[None])
    for t in range(1, 51):
        g = gradient(w)
        theta, state = rule.step(theta, g[None], state, lr=gamma, t=t)
        local = eta * np.linalg.norm(w) / (np.linalg.norm(g) + beta * np.linalg.norm(w))
        v = mu * v + gamma * local * (g + beta * w)
        w = w - v
        np.testing.assert_allclose(theta[0], w, rtol=1e-10, atol=1e-10)


@some
@given(
    shape=shapes,
    lr=st.floats(1e-3, 0.1),
    beta1=momenta,
    beta2=st.floats(0, 0.9999),
    eps=st.floats(1e-8, 1e-2),
    decay=st.floats(0, 1),
)
def test_lamb(shape: Any, lr: float, beta1: float, beta2: float, eps: float, decay: float) -> None:
    """You et al. 2020, Algorithm 2, φ(z) = z; a bias without ratio and decay."""
    m, v = np.zeros(shape), np.zeros(shape)

    def step(x: np.ndarray, g: np.ndarray, eta: float, t: int) -> np.ndarray:
        nonlocal m, v
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        r = (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps)
        if len(shape) == 1:
            return x - eta * r
        direction = r + decay * x
        return x - eta * np.linalg.norm(x) / np.linalg.norm(direction) * direction

    assert_same(Lamb(lr, beta1, beta2, eps, decay), shape, step)


def orthogonalized(g: np.ndarray) -> np.ndarray:
    """Jordan's iteration on the singular values themselves."""
    u, s, vt = np.linalg.svd(g, full_matrices=False)
    s = s / (np.sqrt((s**2).sum()) + 1e-7)
    for _ in range(5):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    return (u * s) @ vt


@some
@given(
    shape=st.sampled_from(SHAPES[:2]),
    lr=st.floats(1e-3, 0.3),
    mu=st.floats(0, 0.98),
    decay=st.floats(0, 1),
)
def test_muon(shape: Any, lr: float, mu: float, decay: float) -> None:
    buffer = np.zeros(shape)

    def step(x: np.ndarray, g: np.ndarray, eta: float, t: int) -> np.ndarray:
        nonlocal buffer
        buffer = mu * buffer + (1 - mu) * g
        o = orthogonalized((1 - mu) * g + mu * buffer)
        return (1 - eta * decay) * x - eta * max(1, shape[0] / shape[1]) ** 0.5 * o

    assert_same(Muon(lr, mu, decay), shape, step)


@pytest.mark.parametrize("shape", SHAPES[:2])
def test_muon_is_that_of_torch_to_its_precision(shape: Any) -> None:
    torch = pytest.importorskip("torch")
    lr = 1e-3  # torch orthogonalizes in bfloat16
    other = OfTorch(partial(torch.optim.Muon, lr=lr, momentum=0.9, weight_decay=0.1), shape)
    assert_same(Muon(lr, 0.9, 0.1), shape, other, rtol=0.2 * lr, steps=5)


def test_muon_leaves_biases_and_the_output_layer_to_adamw() -> None:
    network = Network((3, 4, 2), "tanh", 0.01, True)
    theta = np.random.default_rng(0).normal(size=(2, network.size))
    rules = [Muon(0.02, adam_share=0.1, weight_decay=0.3), AdamW(0.002, 0.9, 0.95, 1e-10, 0.3)]
    ends = []
    for rule in rules:
        block, end = Block(slice(0, 2), rule), theta.copy()
        state = update.initial_state(block, end, network)
        for t in range(1, 21):
            update.apply(block, end, np.sin(3 * end), state, rule.lr, t, network)
        ends.append(end)
    unlike = ~np.isclose(*ends, rtol=1e-9).all(0)
    (first, *others) = network.parameters
    assert unlike[first.start : first.stop].all()
    assert not any(unlike[parameter.start : parameter.stop].any() for parameter in others)


@some
@given(shape=shapes, lr=st.floats(1e-3, 1), eps=st.floats(1e-6, 1))
def test_shampoo(shape: Any, lr: float, eps: float) -> None:
    others = pytest.importorskip("pytorch_optimizer")
    other = OfTorch(partial(others.Shampoo, lr=lr, matrix_eps=eps), shape)
    assert_same(Shampoo(lr, eps), shape, other, rtol=1e-8)


def root(x: np.ndarray) -> np.ndarray:
    """X^(−1/2), by a Schur decomposition and no eigenvectors."""
    return np.linalg.inv(sqrtm(x))


def fourth_root(x: np.ndarray) -> np.ndarray:
    """X^(−1/4)."""
    return np.linalg.inv(sqrtm(sqrtm(x)))


@some
@given(shape=shapes, lr=st.floats(1e-3, 1), eps=st.floats(1e-3, 1))
def test_shampoo_is_its_algorithm(shape: Any, lr: float, eps: float) -> None:
    """Gupta et al. 2018, Algorithm 1; Algorithm 2 at order 1 for a bias."""
    left, right = eps * np.eye(shape[0]), eps * np.eye(shape[-1])

    def step(w: np.ndarray, g: np.ndarray, eta: float, t: int) -> np.ndarray:
        nonlocal left, right
        if len(shape) == 1:
            left = left + np.outer(g, g)
            return w - eta * root(left) @ g
        left, right = left + g @ g.T, right + g.T @ g
        return w - eta * fourth_root(left) @ g @ fourth_root(right)

    assert_same(Shampoo(lr, eps), shape, step, rtol=1e-8)


@pytest.mark.parametrize("shape", [(4, 3), (3, 4), (4,)])
def test_shampoo_keeps_the_diagonal_of_a_large_side(shape: Any) -> None:
    """The sums by rows and by columns, one at a time; here of sides of four."""
    lr, eps = 0.3, 1e-2
    rows, columns = np.full(shape[0], eps), np.full(shape[-1], eps)
    left, right = eps * np.eye(shape[0]), eps * np.eye(shape[-1])

    def step(w: np.ndarray, g: np.ndarray, eta: float, t: int) -> np.ndarray:
        nonlocal left, right
        moved = g.copy()
        if len(shape) == 1:
            for i in range(4):
                rows[i] += g[i] ** 2
                moved[i] = g[i] * rows[i] ** (-1 / 2)
        elif shape[0] == 4:
            right = right + g.T @ g
            for i in range(4):
                rows[i] += sum(x**2 for x in g[i])
                moved[i] = g[i] * rows[i] ** (-1 / 4)
            moved = moved @ fourth_root(right)
        else:
            left = left + g @ g.T
            for j in range(4):
                columns[j] += sum(x**2 for x in g[:, j])
                moved[:, j] = g[:, j] * columns[j] ** (-1 / 4)
            moved = fourth_root(left) @ moved
        return w - eta * moved

    rule = Shampoo(lr, eps, max_size=3)
    assert_same(rule, shape, step)
    sizes = {name: slot.shape for name, slot in rule.init(np.zeros((2, *shape))).items()}
    assert (
        sizes
        == {
            (4, 3): {"left": (2, 4, 1), "right": (2, 3, 3)},
            (3, 4): {"left": (2, 3, 3), "right": (2, 4, 1)},
            (4,): {"left": (2, 4, 1)},
        }[shape]
    )


@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("spoilt", [np.nan, np.inf, 1e30])
def test_a_run_of_shampoo_whose_sums_overflow_ends_alone(backend: str, spoilt: float) -> None:
    """Eigenvalues of what is not finite are an error, where the other runs go on."""
    place = pytest.importorskip("torch").tensor if backend == "torch" else np.array
    rule, runs = Shampoo(), np.ones((2, 4, 3), np.float32)
    runs[1, 0, 0] = spoilt
    gradient, theta = place(runs), place(runs)
    state = rule.init(theta)
    with np.errstate(all="ignore"):
        for t in (1, 2):
            theta, state = rule.step(theta, gradient, state, lr=rule.lr, t=t)
    alone, _ = rule.step(place(runs[:1]), gradient[:1], rule.init(place(runs[:1])), lr=1.0, t=1)
    assert np.isfinite(np.asarray(theta[0])).all()
    assert np.isfinite(np.asarray(alone)).all()
    assert np.isnan(np.asarray(theta[1])).all()


@pytest.mark.parametrize("shape", [(6, 5), (6,)])
def test_shampoo_bears_eigenvalues_that_are_rounded_below_zero(shape: Any) -> None:
    """In float32, where ε is lost beside the squares of a gradient of rank one."""
    column = np.linspace(1, 3, 6, dtype=np.float32)
    g = (column[:, None] * np.linspace(1, 2, 5, dtype=np.float32) if len(shape) == 2 else column)[
        None
    ]
    rule, theta = Shampoo(eps=1e-12), np.zeros_like(g)
    moved, state = rule.step(theta, g, rule.init(theta), lr=1.0, t=1)
    assert np.linalg.eigvalsh(state["left"]).min() < -rule.eps
    assert np.isfinite(moved).all()


@pytest.mark.parametrize("kind", [Lars, Lamb])
def test_a_matrix_of_zeros_gets_off_the_ground(kind: Any) -> None:
    rule = kind()
    theta = np.zeros((1, 2, 3))
    moved, _ = rule.step(theta, np.ones((1, 2, 3)), rule.init(theta), lr=rule.lr, t=1)
    assert (moved < 0).all()


def test_adafactor_keeps_rows_and_columns_alone() -> None:
    state = Adafactor().init(np.zeros((2, 5, 7)))
    assert {name: slot.shape for name, slot in state.items()} == {
        "rows": (2, 5, 1),
        "columns": (2, 1, 7),
    }
