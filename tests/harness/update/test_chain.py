"""Wrappers in their turn, around rules of any scope, on any backend: against loops written out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.data.preparing import prepare
from harness.execution.planning import plan
from harness.randomness import order
from harness.training.setup import network_of
from harness.training.stack import Stack
from harness.update.chain import in_turn

SMALL = (
    "backend.dtype=float64",
    "dataset=moons",
    "network.hidden=[5]",
    "training.batch_size=16",
    "training.max_epochs=3",
    "training.stopping.patience=null",
    "training.stopping.restore=false",
    "schedule=cosine",
)


def steps_of(run: Any) -> Any:
    """Yields the rate of each step, and a function from θ, (P,), to the gradient of its batch."""
    config = run.config
    data = prepare(
        config.dataset.load(), config.dataset.task, run.config.loss.output_activation, config.split
    )
    network, x, y = network_of(run, data), data.train.features, data.train.targets
    program = config.backend.bind(network, Stack((run,)).objective)
    size, count = config.training.batch_size, -(-len(x) // config.training.batch_size)
    for epoch in range(1, config.training.max_epochs + 1):
        drawn = order(config.seed, epoch, len(x))
        rates = Stack((run,)).rates(np.array([epoch]), count, size)[:, 0]
        for step, lr in enumerate(rates):
            rows = drawn[step * size : (step + 1) * size]

            def gradient(theta: np.ndarray, rows: np.ndarray = rows) -> np.ndarray:
                return program.gradient(theta[None], x[rows], y[rows])[1][0].copy()

            yield lr, gradient


def start_of(run: Any) -> np.ndarray:
    config = run.config
    data = prepare(
        config.dataset.load(), config.dataset.task, config.loss.output_activation, config.split
    )
    return Stack((run,)).initial_theta(network_of(run, data), data.train.features)[0]


def test_the_outermost_wrapper_is_the_first_on_the_gradient_and_the_last_on_theta(run_of, fit):
    """ema(lookahead(clip_norm(clip_value(decay(sgd))))), each by its formula."""
    names = "wrapper=[ema,clip_norm,lookahead,decoupled_decay,clip_value]"
    run = run_of(
        *SMALL, "optimizer=sgd", "optimizer.lr=0.5", names, "wrapper.clip_norm.bound=0.3",
        "wrapper.clip_value.bound=0.1", "wrapper.lookahead.period=4", "wrapper.ema.decay=0.8",
        "wrapper.decoupled_decay.decay=0.05",
    )  # fmt: skip
    theta = slow = mean = start_of(run)
    for t, (lr, gradient) in enumerate(steps_of(run), start=1):
        g = gradient(theta)
        g = g * min(1, 0.3 / np.linalg.norm(g))
        g = np.clip(g, -0.1, 0.1)
        theta = (1 - lr * 0.05) * theta - lr * g
        if t % 4 == 0:
            slow = slow + 0.5 * (theta - slow)
            theta = slow
        mean = mean + (1 - 0.8) / (1 - 0.8**t) * (theta - mean)

    trained = fit(run).ended[0].theta

    np.testing.assert_allclose(trained, mean, rtol=1e-10)


def test_sam_takes_both_gradients_of_the_same_samples(run_of, fit):
    run = run_of(*SMALL, "optimizer=heavy_ball", "wrapper=sam", "wrapper.sam.rho=0.1")
    theta, v = start_of(run), 0.0
    for lr, gradient in steps_of(run):
        g = gradient(theta)
        v = 0.9 * v + gradient(theta + 0.1 * g / np.linalg.norm(g))
        theta = theta - lr * v

    np.testing.assert_allclose(fit(run).ended[0].theta, theta, rtol=1e-10)


@pytest.mark.parametrize(
    ("wrapper", "around"),
    [
        (("clip_value", "bound=0.01"), lambda g, at: np.clip(g(at), -0.01, 0.01)),
        (("sam", "rho=0.1"), lambda g, at: g(at + 0.1 * g(at) / np.linalg.norm(g(at)))),
    ],
)
def test_curvature_is_of_gradients_that_no_wrapper_has_changed(run_of, fit, wrapper, around):
    """L-BFGS with its last pair alone, Nocedal & Wright 2006, algorithm 7.4: H is applied to what
    wrappers leave, and y is a difference of two gradients of the objective."""
    name, setting = wrapper
    chosen = (f"wrapper={name}", f"wrapper.{name}.{setting}")
    run = run_of(*SMALL, "optimizer=lbfgs", "optimizer.history=1", *chosen)
    theta, pair = start_of(run), None
    for lr, gradient in steps_of(run):
        g = around(gradient, theta)
        if pair is None:
            direction = g * min(1, 1 / np.abs(g).sum())
        else:
            s, y = pair
            alpha = s @ g / (y @ s)
            direction = (s @ y) / (y @ y) * (g - alpha * y)
            direction = direction + s * (alpha - y @ direction / (y @ s))
        new = theta - lr * direction
        s, y = new - theta, gradient(new) - gradient(theta)
        pair = (s, y) if y @ s > 1e-10 else pair
        theta = new

    np.testing.assert_allclose(fit(run).ended[0].theta, theta, rtol=1e-8)


def test_what_follows_from_its_order(registry):
    """Clipping to a norm and then by value is not clipping by value and then to a norm."""
    wrappers = {n: registry.component("wrapper", n)() for n in ("ema", "clip_norm", "sam", "swa")}

    assert in_turn(wrappers) == (["clip_norm", "sam"], ["swa", "ema"])


@pytest.mark.parametrize("rule", ["sgd", "lars", "muon", "lbfgs", "sophia", "schedule_free_sgd"])
def test_a_wrapper_does_not_care_for_the_scope_of_the_rule(run_of, fit, rule):
    """A bound that nothing reaches changes nothing, at every scope of wrapper and of rule."""
    alone = run_of(*SMALL, f"optimizer={rule}")
    wide = (
        "wrapper.clip_norm.bound=1e30",
        "wrapper.clip_value.bound=1e30",
        "wrapper.clip_adaptive.share=1e30",
    )
    around = run_of(
        *SMALL, f"optimizer={rule}", "wrapper=[clip_norm,clip_value,clip_adaptive]", *wide
    )

    np.testing.assert_array_equal(fit(around).ended[0].theta, fit(alone).ended[0].theta)


def test_optimizers_of_other_libraries_can_be_wrapped(run_of, fit):
    pytest.importorskip("torch")
    torch = (
        "backend=torch",
        *SMALL,
        "wrapper=[lookahead,clip_value]",
        "wrapper.clip_value.bound=0.01",
    )
    theirs = run_of(*torch, "optimizer=torch", "optimizer.name=SGD", "optimizer.lr=0.1")
    ours = run_of(*torch, "optimizer=sgd", "optimizer.lr=0.1")

    np.testing.assert_allclose(fit(theirs).ended[0].theta, fit(ours).ended[0].theta, rtol=1e-10)


@pytest.mark.parametrize("backend", ["torch", "jax"])
@pytest.mark.parametrize(
    "choice",
    [
        ("optimizer=adam", "wrapper=[ema,clip_norm,sam]"),
        ("optimizer=muon", "wrapper=[swa,clip_adaptive]"),
        ("optimizer=sophia", "optimizer.period=3"),
        ("optimizer=lbfgs",),
    ],
    ids=lambda choice: choice[0].partition("=")[2],
)
def test_other_backends_come_to_the_same(run_of, fit, backend, choice):
    pytest.importorskip(backend)
    expected = fit(run_of(*SMALL, *choice)).ended[0].theta

    trained = fit(run_of(f"backend={backend}", *SMALL, *choice)).ended[0].theta

    np.testing.assert_allclose(trained, expected, rtol=1e-7, atol=1e-9)


def test_runs_with_and_without_wrappers_share_a_stack(run_of, fit):
    """Each as alone, to the last bit, with one run that ends before the others."""
    runs = [
        run_of(*SMALL, "optimizer=adam"),
        run_of(*SMALL, "optimizer=adam", "wrapper=ema", "training.max_epochs=1"),
        run_of(*SMALL, "optimizer=adam", "wrapper=ema", "wrapper.ema.decay=0.5"),
        run_of(*SMALL, "optimizer=adam", "wrapper=sam", "seed=3"),
    ]
    together = fit(*runs).ended

    for number, run in enumerate(runs):
        np.testing.assert_array_equal(together[number].theta, fit(run).ended[0].theta)


@pytest.mark.parametrize("backend", ["numpy", "torch", "jax"])
def test_each_run_is_clipped_to_its_own_bound(run_of, fit, backend):
    """Runs that differ in the bound are one stack, of one rule, beside a run that is not clipped."""
    pytest.importorskip(backend)
    choices = [(), *(("wrapper=clip_norm", f"wrapper.clip_norm.bound={c}") for c in (0.05, 1))]
    runs = [run_of(f"backend={backend}", *SMALL, "optimizer=sgd", *choice) for choice in choices]
    assert len(plan(runs, lambda run: run)) == 1
    assert len(Stack(tuple(runs[1:])).blocks) == 2

    together = fit(*runs).ended
    for number, run in enumerate(runs):
        clip, theta = run.config.wrapper.get("clip_norm"), start_of(run)
        for lr, gradient in steps_of(run_of(*SMALL, "optimizer=sgd")):
            g = gradient(theta)
            scale = min(1, clip.bound / np.linalg.norm(g)) if clip else 1
            theta = theta - lr * scale * g
        np.testing.assert_allclose(together[number].theta, theta, rtol=1e-9, atol=1e-12)


def test_calls_are_prepared_once_and_not_at_every_step(run_of, fit, monkeypatch):
    """An update in place knows its arrays from the step before, by the very list of its state."""
    from harness.inplace import InPlace

    prepared, bind = [], InPlace.bind
    monkeypatch.setattr(InPlace, "bind", lambda self, *a: prepared.append(self) or bind(self, *a))
    fit(run_of(*SMALL, "optimizer=adam", "wrapper=[ema,clip_value]"))

    assert len(prepared) == 3  # the rule and its wrappers


def test_gradients_are_counted(run_of, fit):
    """By run, through changes of the stack; for Sophia every third step takes another."""
    runs = [
        run_of(*SMALL, "optimizer=sophia", "optimizer.period=3"),
        run_of(*SMALL, "optimizer=sgd", "training.max_epochs=2"),
        run_of(*SMALL, "optimizer=lbfgs", "wrapper=sam", "training.max_epochs=2"),
    ]
    epochs = fit(*runs, stack_size=2).epochs
    steps = [epoch["train/steps"] for epoch in epochs[0]]

    assert [e["train/gradients"] for e in epochs[0]] == [n + -(-n // 3) for n in steps]
    assert [e["train/gradients"] for e in epochs[1]] == steps[:2]
    assert [e["train/gradients"] for e in epochs[2]] == [3 * n for n in steps[:2]]


def test_a_wrapper_on_the_gradient_sees_the_parameters(run_of, fit):
    """The bound of adaptive clipping is a share of the weights."""
    run = run_of(
        *SMALL, "optimizer=sgd", "wrapper=clip_adaptive", "wrapper.clip_adaptive.share=0.05"
    )
    theta, hidden = start_of(run), 2 * 5  # moons has two features; the biases of the layer follow
    for lr, gradient in steps_of(run):
        g = gradient(theta)
        rows = [slice(2 * unit, 2 * unit + 2) for unit in range(5)] + [slice(hidden, hidden + 5)]
        for row in rows:
            limit = 0.05 * max(np.linalg.norm(theta[row]), 1e-3)
            g[row] *= min(1, limit / np.linalg.norm(g[row]))
        theta = theta - lr * g

    np.testing.assert_allclose(fit(run).ended[0].theta, theta, rtol=1e-10)


def test_further_gradients_are_of_the_runs_own_objective(run_of, fit):
    """Runs of one rule that differ in weight decay, in a stack and alone."""
    runs = [
        run_of(*SMALL, "optimizer=sgd", "wrapper=sam", f"objective.weight_decay={decay}")
        for decay in (0.001, 0.1)
    ]
    together = fit(*runs).ended

    assert not np.allclose(together[0].theta, together[1].theta)
    for number, run in enumerate(runs):
        np.testing.assert_array_equal(together[number].theta, fit(run).ended[0].theta)
