"""The JAX backend against the NumPy backend, through the core's own loop."""

from __future__ import annotations

import dataclasses
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from typing import ClassVar

import numpy as np
import pytest

jax = pytest.importorskip("jax", reason="JAX is not installed: it is in requirements.lock")
pytest.importorskip("harness_jax", reason="examples/harness-jax is not installed: `make test` does")

import harness
from harness import Block, Network, Objective, Scope, Step, array_namespace
from harness.model.network import ACTIVATIONS
from harness.registry.registry import load_registry
from harness.training.records import Status
from harness_jax import Jax, compiling
from harness_jax.buckets import BucketSizes
from harness_losses import SoftmaxCrossEntropy
from harness_numpy import Numpy
from harness_optimizers import Adam

DATA = {  # 12 steps an epoch, the last one smaller
    "softmax_cross_entropy": ("dataset=iris", "training.batch_size=8"),
    "sigmoid_cross_entropy": ("dataset=moons", "dataset.samples=150", "training.batch_size=8"),
    "squared_error": ("dataset=diabetes", "training.batch_size=23"),
    "absolute_error": ("dataset=diabetes", "training.batch_size=23"),
    "huber": ("dataset=diabetes", "training.batch_size=23"),
}
RATES = {"sgd": 0.02, "averaged_momentum": 0.02, "lion": 5e-4}
OPTIMIZERS = [  # those that JAX compiles
    name
    for name in load_registry().names("optimizer")
    if load_registry().component("optimizer", name).scope not in (Scope.BACKEND, Scope.OBJECTIVE)
]
EXTRA = {
    "decay-clip": (
        "objective.weight_decay=1e-3",
        "objective.auxiliary.z_loss=0.01",
        "wrapper=clip_norm",
        "wrapper.clip_norm.bound=0.5",
    ),
    "penalties": (
        "objective.auxiliary.hidden_l1=1e-3",
        "objective.auxiliary.confidence_penalty=0.1",
    ),
    "schedule": ("schedule=cosine", "training.warmup_epochs=5", "training.reference_batch_size=16"),
    "linear": ("network.hidden=[]", "network.bias=false"),
    "wrappers": (
        "wrapper=[ema,lookahead,decoupled_decay,clip_adaptive,clip_value]",
        "wrapper.lookahead.period=3",
    ),
}


def runs_of(run_of, backend, optimizers, *overrides, activation="tanh", hidden="[6,5]"):
    """A run of each optimizer for at least 200 steps."""
    found = []
    for name in optimizers:
        run = run_of(
            f"backend={backend}",
            *([] if any("dtype" in word for word in overrides) else ["backend.dtype=float64"]),
            f"optimizer={name}",
            f"optimizer.lr={RATES.get(name, 0.003)}",
            f"network.hidden={hidden}",
            "training.max_epochs=18",
            "training.stopping.patience=null",
            "training.stopping.restore=false",
            *overrides,
        )
        network = dataclasses.replace(run.config.network, activation=activation)
        config = dataclasses.replace(run.config, network=network)
        found.append(dataclasses.replace(run, config=config))
    return found


def relative(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


def agree(ours, theirs, tolerance=1e-10):
    assert ours.ended.keys() == theirs.ended.keys()
    for run, ours_of_run in ours.ended.items():
        theirs_of_run = theirs.ended[run]
        assert (ours_of_run.status, ours_of_run.epochs, ours_of_run.best_epoch) == (
            theirs_of_run.status,
            theirs_of_run.epochs,
            theirs_of_run.best_epoch,
        )
        assert relative(ours_of_run.theta, theirs_of_run.theta) < tolerance
        assert ours_of_run.metrics.keys() == theirs_of_run.metrics.keys()
        for metric, value in ours_of_run.metrics.items():
            assert value == pytest.approx(theirs_of_run.metrics[metric], rel=100 * tolerance), (
                metric
            )


# --- the same numbers as on NumPy -----------------------------------------------------------------


# XLA compiles each rule with each network anew, so each kind appears, but not each combination
@pytest.mark.slow
@pytest.mark.parametrize(
    "number",
    [
        pytest.param(
            n, id=name, marks=() if name in ("relu", "gelu", "softplus") else pytest.mark.full
        )
        for n, name in enumerate(ACTIVATIONS)
    ],
)
def test_parameters_agree_after_200_steps(run_of, fit, number):
    loss = list(DATA)[number % len(DATA)]
    rules = [OPTIMIZERS[(2 * number + k) % len(OPTIMIZERS)] for k in range(2)]
    overrides = (*DATA[loss], f"loss={loss}")

    ours, theirs = (
        fit(*runs_of(run_of, backend, rules, *overrides, activation=ACTIVATIONS[number]))
        for backend in ("jax", "numpy")
    )

    assert ours.epochs[0][-1]["train/steps"] >= 200
    agree(ours, theirs)


@pytest.mark.slow
@pytest.mark.parametrize(
    "extra",
    [
        pytest.param(
            extra, id=name, marks=pytest.mark.full if name in ("penalties", "schedule") else ()
        )
        for name, extra in EXTRA.items()
    ],
)
def test_everything_around_the_step_agrees_too(run_of, fit, extra):
    overrides = (*DATA["softmax_cross_entropy"], *extra)
    ours, theirs = (
        fit(*runs_of(run_of, backend, ["adam", "lion"], *overrides)) for backend in ("jax", "numpy")
    )

    agree(ours, theirs)
    for run, epochs in ours.epochs.items():
        for ours_of_run, theirs_of_run in zip(epochs, theirs.epochs[run], strict=True):
            for name in set(ours_of_run) - {"train/epoch_seconds"}:
                assert ours_of_run[name] == pytest.approx(theirs_of_run[name], rel=1e-9), name


def sweep(run_of, backend):
    """Runs of two rules that stop, diverge and go on to the end."""
    base = ("dataset=iris", f"backend={backend}", "backend.dtype=float64", "training.batch_size=16")
    base += ("network.hidden=[6]", "training.stopping.patience=3", "training.max_epochs=12")
    return [
        run_of(*base, f"optimizer={rule}", f"optimizer.lr={lr}", f"seed={seed}")
        for rule, lr, seed in product(("sgd", "adam"), (1e-3, 0.3, 1e200), (0, 1))
    ]


@pytest.mark.slow
@pytest.mark.parametrize("stack_size", [3, pytest.param(12, marks=pytest.mark.full)])
def test_runs_that_stop_give_up_their_places_as_on_numpy(run_of, fit, stack_size):
    ours, theirs = (
        fit(*sweep(run_of, backend), stack_size=stack_size) for backend in ("jax", "numpy")
    )

    statuses = {ended.status for ended in ours.ended.values()}
    assert statuses >= {Status.DIVERGED, Status.STOPPED_EARLY, Status.FINISHED}
    for run, ours_of_run in ours.ended.items():
        theirs_of_run = theirs.ended[run]
        assert (ours_of_run.status, ours_of_run.epochs) == (
            theirs_of_run.status,
            theirs_of_run.epochs,
        )
        if ours_of_run.status is not Status.DIVERGED:
            assert relative(ours_of_run.theta, theirs_of_run.theta) < 1e-10


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-4)])
def test_a_run_alone_and_in_a_stack_agree_to_rounding(run_of, fit, dtype, tolerance):
    overrides = (*DATA["softmax_cross_entropy"], f"backend.dtype={dtype}", "training.max_epochs=2")
    runs = [
        run
        for seed in range(5)
        for run in runs_of(run_of, "jax", ["adam"], *overrides, f"seed={seed}")
    ]

    alone, together = fit(runs[3]), fit(*runs)

    assert relative(alone.ended[0].theta, together.ended[3].theta) < tolerance


def test_hyperparameters_are_worked_out_in_double_precision():
    """Above all 1 − β₂ᵗ, which has only four digits in float32."""
    network = Network((3, 2), "relu", 0.0, True)
    start = np.zeros((1, network.size))
    gradient = np.linspace(0.5, 2.0, network.size, dtype=np.float32)[None]
    found = []
    for backend in (Jax(device="cpu"), Numpy()):
        updater = backend.updater([Block(slice(0, 1), Adam(beta2=0.9999))], network)
        theta = backend.to_device(start)
        state = updater.init(theta)
        for t in range(1, 11):
            theta, state = updater(
                theta, gradient.copy(), state, np.full((1, 1), 0.01), np.full((1, 1), float(t))
            )
        found.append(backend.to_host(theta))

    assert relative(*found) < 1e-6


# --- rules of every scope -------------------------------------------------------------------------


@dataclass(frozen=True)
class Lars:
    """A step for each parameter by the ratio of its norm to that of its gradient."""

    lr: float = 0.1
    momentum: float = 0.5
    scope: ClassVar[Scope] = Scope.TENSOR

    def init(self, theta):
        return {"v": array_namespace(theta).zeros_like(theta)}

    def step(self, theta, gradient, state, *, lr, t):
        xp, axes = array_namespace(theta), tuple(range(1, theta.ndim))
        norms = [xp.sqrt(xp.sum(a * a, axis=axes, keepdims=True)) for a in (theta, gradient)]
        v = self.momentum * state["v"] + (norms[0] + 1e-3) / (norms[1] + 1e-3) * gradient
        return theta - lr * v / t**0.5, {"v": v}


@dataclass(frozen=True)
class Normalized:
    """A step of one length for all of θ."""

    lr: float = 0.1
    eps: float = 1e-3
    scope: ClassVar[Scope] = Scope.VECTOR

    def init(self, theta):
        return {}

    def step(self, theta, gradient, state, *, lr, t):
        xp = array_namespace(theta)
        norm = xp.sqrt(xp.sum(gradient * gradient, axis=-1, keepdims=True))
        return theta - lr * gradient / (norm + self.eps), state


@dataclass(frozen=True)
class Namespaced:
    """Puts its numbers into a function of the namespace, which takes only arrays."""

    lr: float = 0.1
    floor: float = 0.01
    scope: ClassVar[Scope] = Scope.ELEMENT

    def init(self, theta):
        return {}

    def step(self, theta, gradient, state, *, lr, t):
        xp = array_namespace(theta)
        return theta - lr * gradient / xp.maximum(xp.abs(gradient), self.floor), state


@dataclass(frozen=True)
class Branching:
    """Branches on values, which JAX does not have when it traces."""

    lr: float = 0.1
    scope: ClassVar[Scope] = Scope.ELEMENT

    def init(self, theta):
        return {"m": array_namespace(theta).zeros_like(theta)}

    def step(self, theta, gradient, state, *, lr, t):
        m = 0.5 * state["m"] + gradient
        return (theta - lr * m if (m > 0).any() else theta), {"m": m}


def stack(rule, runs=3):
    rng = np.random.default_rng(0)
    network = Network((4, 5, 3), "tanh", 0.0, True)
    columns = {
        name: getattr(rule, name) * rng.uniform(0.5, 1.0, (runs, 1))
        for name in harness.float_fields(rule)
    }
    rule = harness.with_fields(rule, **columns)  # as the core makes it for runs that differ
    objective = Objective("main", SoftmaxCrossEntropy())
    step = Step(network, objective, [Block(slice(0, runs), rule)], 4)
    data = rng.normal(size=(10, 4)), np.eye(3)[rng.integers(0, 3, 10)]
    orders = np.stack([rng.permutation(10) for _ in range(runs)])
    rates = rng.uniform(0.01, 0.1, (3, runs))
    return step, data, rng.normal(size=(runs, network.size)), orders, rates


def by_the_loop(backend, step, data, theta, orders, rates, epochs):
    theta = backend.to_device(theta)
    program = backend.bind(step.network, step.objective)
    updater = backend.updater(step.blocks, step.network)
    state, t = updater.init(theta), np.ones((len(theta), 1))
    features, targets = map(backend.to_device, data)
    for _ in range(epochs):
        for number, lr in enumerate(rates):
            rows = orders[:, 4 * number : 4 * (number + 1)]
            _, gradient = program.gradient(theta, features[rows], targets[rows])
            theta, state = updater(theta, gradient, state, lr[:, None], t)
            t = t + 1
    return backend.to_host(theta), state


@pytest.mark.parametrize("rule", [Lars, Normalized, Namespaced])
def test_a_rule_of_any_scope_by_the_epoch_and_step_by_step(rule):
    step, data, start, orders, rates = stack(rule())
    backend = Jax(dtype="float64", device="cpu")
    run = backend.compiled(step, *map(backend.to_device, data), 100)
    theta = backend.to_device(start)
    state, t = backend.updater(step.blocks, step.network).init(theta), np.ones((3, 1))
    for epoch in range(4):
        theta, state, _ = run(theta, state, orders, rates, t + 3 * epoch)

    expected, theirs_of_run = by_the_loop(
        Numpy(dtype="float64"), step, data, start, orders, rates, 4
    )
    looped, _ = by_the_loop(backend, step, data, start, orders, rates, 4)

    assert relative(theta, expected) < 1e-12
    assert relative(looped, expected) < 1e-12
    if rule is Lars:
        for piece, other in zip(state[0], theirs_of_run[0], strict=True):
            np.testing.assert_allclose(piece["v"], other["v"], rtol=1e-9, atol=1e-14)


def test_a_rule_that_jax_cannot_trace_runs_as_it_is_written():
    step, data, start, orders, rates = stack(Branching())
    backend = Jax(dtype="float64", device="cpu")

    assert backend.compiled(step, *data, 100) is None
    found, _ = by_the_loop(backend, step, data, start, orders, rates, 2)
    expected, _ = by_the_loop(Numpy(dtype="float64"), step, data, start, orders, rates, 2)
    assert relative(found, expected) < 1e-12


# --- compilations, and what others notice of them ------------------------------------------------------


def test_other_values_and_numbers_of_runs_need_no_compilation(run_of, fit):
    overrides = (*DATA["softmax_cross_entropy"], "training.max_epochs=2")
    overrides += ("objective.weight_decay=1e-3", "wrapper=clip_norm")
    runs = [
        run
        for seed in range(10)
        for run in runs_of(
            run_of,
            "jax",
            ["adam"],
            *overrides,
            f"seed={seed}",
            f"optimizer.lr={0.01 / (seed + 1)}",
            f"wrapper.clip_norm.bound={seed + 1}",
        )
    ]
    fit(*runs[:6])
    before = set(compiling._functions)

    fit(*runs, stack_size=5)
    fit(*reversed(runs[:7]))
    fit(*runs[:2])

    assert set(compiling._functions) == before


def test_a_function_is_compiled_once_where_two_stacks_come_to_it_together(monkeypatch):
    step, data, start, orders, rates = stack(Normalized(eps=0.37))
    backend = Jax(dtype="float64", device="cpu")
    placed = [backend.to_device(part) for part in data]
    traced = []
    original = SoftmaxCrossEntropy.gradient
    monkeypatch.setattr(
        SoftmaxCrossEntropy, "gradient", lambda *a: traced.append(1) or original(*a)
    )
    gate = threading.Barrier(2)
    compiling._functions.clear()
    monkeypatch.setattr(compiling, "_sizes", BucketSizes())

    def train(_):
        run = backend.compiled(step, *placed, 100)
        gate.wait()
        return run(backend.to_device(start), [[{}]], orders, rates, np.ones((3, 1)))[0]

    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(train, range(2))

    np.testing.assert_array_equal(one, other)
    assert len(traced) == 2  # for whole batches, and for the smaller last one


def test_double_precision_stays_with_the_backend(run_of, fit):
    overrides = (*DATA["softmax_cross_entropy"], "training.max_epochs=1")
    fit(*runs_of(run_of, "jax", ["sgd"], *overrides))

    assert not jax.config.jax_enable_x64
    assert jax.numpy.ones(3).dtype == np.float32


@pytest.mark.parametrize("device", ["gpu", "tpu"])
def test_a_device_that_is_not_there_is_named(device):
    with pytest.raises(harness.ConfigurationError, match="device"):
        Jax(device=device).check()
