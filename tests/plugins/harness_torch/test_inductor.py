"""The step compiled for the CPU against the loop. Every new shape or rule compiles for some seconds."""

import os
import random

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from harness_losses import Huber, SigmoidCrossEntropy, SquaredError
from harness_optimizers import (
    Adam,
    HeavyBall,
    Lamb,
    Muon,
    Rprop,
    ScheduleFreeAdamW,
    Sgd,
)
from harness_torch import Torch, inductor
from harness_torch.inductor import CompiledPass
from harness_wrappers import ClipNorm, DecoupledDecay, Ema

BACKEND = Torch(dtype="float64", device="cpu")
# Rules of every scope, with roots, choices, norms and products. The others are compared with the loop
# uncompiled (test_cuda_graph.py): compiling all takes six minutes, most of them for Shampoo.
KINDS = (Lamb, Muon, Rprop, ScheduleFreeAdamW)
FEW = (Lamb, Rprop)  # norms of tensors, and choices by sign
SMALL = {"sizes": (5, 4, 3), "auxiliary": False}  # what is compiled grows with layers and terms
LONG = 10**9  # steps, in which any compilation pays

compiles = pytest.mark.skipif(
    not inductor.can_compile(), reason="needs a C++ compiler and the headers of Python"
)


@pytest.fixture(autouse=True)
def compilations(monkeypatch):
    """Counts compilations; nothing is left from other tests."""
    compilations, original = [], inductor._compile
    monkeypatch.setattr(inductor, "_functions", {})
    monkeypatch.setattr(inductor, "_compile", lambda *a: compilations.append(a) or original(*a))
    return compilations


def compiled(stack, backend=BACKEND, steps=LONG):
    return backend.compiled(stack.step, *stack.data(backend), steps)


@compiles
@pytest.mark.slow
@pytest.mark.parametrize("kinds", [FEW, pytest.param(KINDS, marks=pytest.mark.full)], ids=len)
def test_rules_of_several_kinds_in_one_stack_and_no_second_compilation(
    problem, agree, compilations, kinds
):
    rules = [(kind(), 2) for kind in kinds]
    first, state = problem(rules, **SMALL), torch.random.get_rng_state()
    python, numpy = random.getstate(), np.random.get_state()[1].copy()  # noqa: NPY002

    agree(first.by_the_loop(BACKEND, 5), first.by_the_pass(BACKEND, compiled(first), 5))
    assert torch.equal(state, torch.random.get_rng_state())
    assert python == random.getstate()
    np.testing.assert_array_equal(numpy, np.random.get_state()[1])  # noqa: NPY002

    for seed, runs in ((1, 2), (2, 5)):  # other values; then another number of runs
        blocks = [(rule, runs + n % 2) for n, (rule, _) in enumerate(rules)]
        stack = problem(blocks, seed=seed, **SMALL)
        run = compiled(stack, steps=1)
        assert isinstance(run, CompiledPass)  # which is free by now
        agree(stack.by_the_loop(BACKEND), stack.by_the_pass(BACKEND, run))
    assert len(compilations) == 1


@compiles
@pytest.mark.slow
def test_a_rule_is_compiled_with_wrappers_of_every_turn(problem, agree):
    rules = [ClipNorm(0.5), DecoupledDecay(0.1), Sgd(), Ema()]
    stack = problem([(rules, 2)], auxiliary=False, decay=False, sizes=(5, 3))

    actual = stack.by_the_pass(BACKEND, compiled(stack), 3)

    agree(stack.by_the_loop(BACKEND, 3), actual)


@compiles
@pytest.mark.slow
@pytest.mark.full
def test_wrappers_are_compiled_with_their_rules(wrapped, agree):
    actual = wrapped.by_the_pass(BACKEND, compiled(wrapped), 3)

    agree(wrapped.by_the_loop(BACKEND, 3), actual)


@compiles
@pytest.mark.slow
@pytest.mark.parametrize(
    ("loss", "activation", "blocks", "shared"),
    [
        (None, "gelu", [(Adam(), 3)], True),
        (SigmoidCrossEntropy(), "silu", [(HeavyBall(), 1), (Sgd(), 3)], False),
        pytest.param(SquaredError(), "relu", [(Adam(), 1)], True, marks=pytest.mark.full),
        pytest.param(Huber(), "softplus", [(Adam(), 2)], False, marks=pytest.mark.full),
    ],
)
def test_losses_activations_and_stacks(problem, agree, loss, activation, blocks, shared):
    stack = problem(blocks, loss, activation, shared=shared, sizes=(5, 4, 3))

    actual = stack.by_the_pass(BACKEND, compiled(stack), 5)

    agree(stack.by_the_loop(BACKEND, 5), actual)


@compiles
@pytest.mark.slow
def test_a_diverged_run_is_seen_and_touches_no_other(problem):
    backend = Torch(dtype="float32", device="cpu")
    stack = problem([(Sgd(), 3)], auxiliary=False, decay=False)
    before = stack.by_the_pass(backend, compiled(stack, backend))
    stack.theta[1] = np.nan

    theta, sums = stack.by_the_pass(backend, compiled(stack, backend))

    assert theta.dtype == np.float32
    assert np.isnan(theta[1]).all()
    assert np.isnan(sums["main"]).tolist() == [False, True, False]
    np.testing.assert_array_equal(before[0][[0, 2]], theta[[0, 2]])


@compiles
def test_the_loop_goes_on_where_a_run_is_too_short(problem, compilations):
    stack = problem([(Adam(), 2)])

    assert compiled(stack, steps=1000) is None
    assert compilations == []


@compiles
def test_what_pays(problem):
    """The sizes for which figures were measured."""
    digits = {"sizes": (64, 64, 10), "batch_size": 32, "samples": 64}
    images = {"sizes": (784, 512, 256, 10), "batch_size": 128, "samples": 128}

    for runs, sizes, steps in ((1, digits, 32_000), (64, digits, 6_600), (1, images, 4_100)):
        step = problem([(Adam(), runs)], **sizes).step
        assert inductor.pays(step, steps)
        assert not inductor.pays(step, steps // 2)


def test_without_a_compiler_the_loop_goes_on(problem, monkeypatch):
    stack = problem([(Adam(), 2)])
    monkeypatch.setenv("CXX", "no-such-compiler")

    assert not inductor.can_compile()
    assert compiled(stack) is None


@compiles
def test_a_compiler_that_fails_is_reported_and_the_step_runs_as_written(
    problem, agree, monkeypatch, tmp_path
):
    from torch._inductor import config

    broken = tmp_path / "c++"
    broken.write_text("#!/bin/sh\necho the disk is full >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", os.fspath(tmp_path / "cache"))
    monkeypatch.setattr(config.cpp, "cxx", (os.fspath(broken),))
    stack = problem([(Adam(), 2)], sizes=(5, 7, 3))

    with pytest.warns(UserWarning, match="runs uncompiled"):
        actual = stack.by_the_pass(BACKEND, compiled(stack))

    agree(stack.by_the_loop(BACKEND), actual)


class Branching(Sgd):
    def step(self, theta, gradient, state, *, lr, t):
        return (theta - lr * gradient if (t > 3).all() else theta), state


def test_a_rule_that_branches_is_left_to_the_loop(problem):
    assert compiled(problem([(Branching(), 2)])) is None
